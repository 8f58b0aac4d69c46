// Command load puts load on a server over loopback and prints what it measured as JSON.
//
//	load rate  -address 127.0.0.1:8487 -requests FILE -clients 16 -seconds 3
//	load grant -address 127.0.0.1:8487 -body JSON -count 300
//	load lend  -address 127.0.0.1:8487 -body JSON -count 300
//	load burst -address 127.0.0.1:8487 -requests FILE -state IDLE
//	load lag   -address 127.0.0.1:8487 -other 127.0.0.1:8488 -body JSON -count 1000 -pace 100
//	load pace  -address 127.0.0.1:8487 -requests FILE -pace 300 -seconds 30
//	load drain -address 127.0.0.1:8487 -body JSON -count 10000 [-acquire]
//	load listen -address 127.0.0.1:8487 -count 100 [-query ?request=7]
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

const answerWithin = 15 * time.Second

func main() {
	if len(os.Args) < 2 {
		fail(fmt.Errorf("usage: load rate|grant|lend|burst|drain|lag|pace|listen FLAGS"))
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	address := flags.String("address", "127.0.0.1:8487", "host:port of the server")
	clients := flags.Int("clients", 16, "connections, each with one request at a time")
	seconds := flags.Float64("seconds", 3, "how long to go on (all but rate: at most)")
	count := flags.Int("count", 300, "how many requests (grant, lend, drain) or streams (listen)")
	requests := flags.String("requests", "", "file of requests, sent in turn (rate, burst)")
	other := flags.String("other", "", "another server of the same farm (lag)")
	pace := flags.Float64("pace", 100, "calls per second (lag, pace)")
	state := flags.String("state", "IDLE", "what all workers are to come to (burst)")
	body := flags.String("body", "", "body of a new request (grant, lend, drain)")
	acquire := flags.Bool("acquire", false, "ask for access before closing (drain)")
	query := flags.String("query", "", "what the streams ask for (listen)")
	if err := flags.Parse(os.Args[2:]); err != nil {
		fail(err)
	}
	if os.Args[1] == "listen" {
		if err := listen(*address, *query, *count); err != nil {
			fail(err)
		}
		return
	}
	limit := time.Duration(*seconds * float64(time.Second))
	var result Result
	var err error
	switch os.Args[1] {
	case "rate":
		result, err = rate(*address, *requests, *clients, limit)
	case "grant":
		result, err = grant(*address, *body, *count, limit)
	case "lend":
		result, err = lend(*address, *body, *count, limit)
	case "burst":
		result, err = burst(*address, *requests, *state, *clients, limit)
	case "drain":
		result, err = drain(*address, *body, *count, *clients, *acquire, limit)
	case "lag":
		result, err = lag(*address, *other, *body, *count, *pace, limit)
	case "pace":
		result, err = steady(*address, *requests, *clients, *pace, limit)
	default:
		err = fmt.Errorf("there is no mode %q", os.Args[1])
	}
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "load:", err)
	os.Exit(1)
}
