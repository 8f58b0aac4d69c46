package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Sample is one line of the file of requests.
type Sample struct {
	Method string          `json:"method"`
	Path   string          `json:"path"`
	Body   json.RawMessage `json:"body"`
}

// rate has clients send the file's requests in turn until the time is over.
func rate(address, path string, clients int, limit time.Duration) (Result, error) {
	requests, err := readSamples(path)
	if err != nil {
		return Result{}, err
	}
	tally := &Tally{}
	var next atomic.Int64
	var group sync.WaitGroup
	connections := make([]*Client, clients)
	for i := range connections {
		if connections[i], err = Dial(address); err != nil {
			return Result{}, err
		}
		defer connections[i].Close()
	}
	start := time.Now()
	for _, client := range connections {
		group.Add(1)
		go func(client *Client) {
			defer group.Done()
			times := make([]time.Duration, 0, 1<<16)
			for {
				begin := time.Now()
				if begin.Sub(start) >= limit {
					break
				}
				place := int(next.Add(1)) % len(requests)
				if _, err := client.Good(requests[place]); err != nil {
					tally.Fail(err)
					break
				}
				times = append(times, time.Since(begin))
			}
			tally.Add(times)
		}(client)
	}
	group.Wait()
	return tally.Result(time.Since(start)), nil
}

func readSamples(path string) ([][]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var requests [][]byte
	lines := bufio.NewScanner(file)
	lines.Buffer(make([]byte, 0, 64*1024), 1<<20)
	for lines.Scan() {
		var sample Sample
		if err := json.Unmarshal(lines.Bytes(), &sample); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		requests = append(requests, Build(sample.Method, sample.Path, sample.Body))
	}
	if len(requests) == 0 {
		return nil, fmt.Errorf("%s: no requests", path)
	}
	return requests, lines.Err()
}
