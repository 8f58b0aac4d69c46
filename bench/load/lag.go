package main

import (
	"fmt"
	"sync"
	"time"
)

// lag files requests at one server at a steady pace and measures, event by event, how much later
// than that server's own followers those of another server hear of it. An event that the other
// server told first counts as no lag.
func lag(address, other, body string, count int, pace float64, limit time.Duration) (Result, error) {
	var mutex sync.Mutex
	here, there := map[int]time.Time{}, map[int]time.Time{}
	both := make(chan time.Duration, 1<<16)
	listen := func(at string, own, others map[int]time.Time, sign time.Duration) error {
		ready := make(chan error, 1)
		go follow(at, func(event Event) {
			now := time.Now()
			mutex.Lock()
			defer mutex.Unlock()
			if when, known := others[event.Number]; known {
				delete(others, event.Number)
				both <- max(0, sign*now.Sub(when))
				return
			}
			own[event.Number] = now
		}, ready)
		return <-ready
	}
	if err := listen(address, here, there, -1); err != nil {
		return Result{}, err
	}
	if err := listen(other, there, here, 1); err != nil {
		return Result{}, err
	}
	client, err := Dial(address)
	if err != nil {
		return Result{}, err
	}
	defer client.Close()
	tally := &Tally{}
	create := Build("POST", "/api/v1/reqs/", []byte(body))
	begin := time.Now()
	tick := time.NewTicker(time.Duration(float64(time.Second) / pace))
	defer tick.Stop()
	for i := 0; i < count && time.Since(begin) < limit; i++ {
		if _, err := client.Good(create); err != nil {
			tally.Fail(err)
			break
		}
		<-tick.C
	}
	patience := time.After(answerWithin)
	for i := 0; i < count; i++ {
		select {
		case took := <-both:
			tally.Add([]time.Duration{took})
		case <-patience:
			tally.Fail(fmt.Errorf("%d of %d events were not heard on both servers", count-i, count))
			return tally.Result(time.Since(begin)), nil
		}
	}
	return tally.Result(time.Since(begin)), nil
}

func max(a, b time.Duration) time.Duration {
	if a > b {
		return a
	}
	return b
}
