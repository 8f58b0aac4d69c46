package main

import (
	"sync"
	"time"
)

// steady sends the file's requests in turn, so many a second, whether or not the server keeps up: a
// time counts from when its request was due, so that a server that stands still is not spared.
func steady(
	address, path string, clients int, pace float64, limit time.Duration,
) (Result, error) {
	requests, err := readSamples(path)
	if err != nil {
		return Result{}, err
	}
	count := int(pace * limit.Seconds())
	due := make(chan int, count)
	tally := &Tally{}
	var group sync.WaitGroup
	begin := time.Now()
	at := func(place int) time.Time {
		return begin.Add(time.Duration(float64(place) / pace * float64(time.Second)))
	}
	for i := 0; i < clients; i++ {
		client, err := Dial(address)
		if err != nil {
			return Result{}, err
		}
		defer client.Close()
		group.Add(1)
		go func() {
			defer group.Done()
			var times []time.Duration
			for place := range due {
				if _, err := client.Good(requests[place%len(requests)]); err != nil {
					tally.Fail(err)
					break
				}
				times = append(times, time.Since(at(place)))
			}
			tally.Add(times)
		}()
	}
	for place := 0; place < count; place++ {
		time.Sleep(time.Until(at(place)))
		due <- place
	}
	close(due)
	group.Wait()
	return tally.Result(time.Since(begin)), nil
}
