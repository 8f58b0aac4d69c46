package main

import (
	"fmt"
	"time"
)

const changed = "worker.state"

// burst sends every request of the file, then waits until that many workers have come to a state.
// The time is from the first request to the last event; the single times are counted from the
// first request too.
func burst(address, path, state string, clients int, limit time.Duration) (Result, error) {
	requests, err := readSamples(path)
	if err != nil {
		return Result{}, err
	}
	arrived := make(chan time.Time, len(requests)+1024)
	ready := make(chan error, 1)
	go follow(address, func(event Event) {
		if event.Kind == changed && event.State == state {
			arrived <- time.Now()
		}
	}, ready)
	if err := <-ready; err != nil {
		return Result{}, err
	}
	tally := &Tally{}
	queue := make(chan []byte, len(requests))
	for _, request := range requests {
		queue <- request
	}
	close(queue)
	begin := time.Now()
	for i := 0; i < clients; i++ {
		go func() {
			client, err := Dial(address)
			if err != nil {
				tally.Fail(err)
				return
			}
			defer client.Close()
			for request := range queue {
				if _, err := client.Good(request); err != nil {
					tally.Fail(err)
				}
			}
		}()
	}
	patience := time.After(limit)
	for range requests {
		select {
		case at := <-arrived:
			tally.Add([]time.Duration{at.Sub(begin)})
		case <-patience:
			tally.Fail(fmt.Errorf("not all workers were %s within %v", state, limit))
			return tally.Result(time.Since(begin)), nil
		}
	}
	return tally.Result(time.Since(begin)), nil
}
