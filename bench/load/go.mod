module boruta.bench/load

go 1.19
