// Goclient plays the Go clients of the original system, for tests of our server.
//
//	goclient 0.1.0 URL           makes the calls given as lines of JSON, prints each result
//	goclient 0.2.x URL           the same, as a later version of the library
//	goclient weles URL JOBS BOARD   does jobs on a board as Weles does
//	goclient upgrade URL         sends bodies beside a wish for another protocol
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"os"
	"strconv"
)

type result struct {
	Result interface{} `json:",omitempty"`
	Error  string      `json:",omitempty"`
}

func printLine(value interface{}) {
	line, err := json.Marshal(value)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(string(line))
}

func number(id uint64) string {
	return strconv.FormatUint(id, 10)
}

func makeCalls(boruta client) error {
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		var wanted call
		if err := json.Unmarshal(line, &wanted); err != nil {
			return err
		}
		found, err := boruta.do(wanted)
		if err != nil {
			printLine(result{Error: err.Error()})
		} else {
			printLine(result{Result: found})
		}
	}
}

func main() {
	var err error
	switch verb, base := os.Args[1], os.Args[2]; verb {
	case "weles":
		jobs, parsing := strconv.Atoi(os.Args[3])
		if parsing != nil {
			log.Fatal(parsing)
		}
		err = weles(base, jobs, capabilities{"board": os.Args[4]})
	case "upgrade":
		err = upgrade(base)
	default:
		err = makeCalls(client{base: base, old: verb == "0.1.0"})
	}
	if err != nil {
		log.Fatal(err)
	}
}
