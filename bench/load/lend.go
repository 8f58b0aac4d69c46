package main

import (
	"bytes"
	"fmt"
	"time"
)

var running = []byte(`"State":"IN PROGRESS"`)

// lend measures the same as grant where there are no events: each request is asked for until it
// shows IN PROGRESS, then closed, and the next one is filed. So nothing ever rests.
func lend(address, body string, count int, limit time.Duration) (Result, error) {
	client, err := Dial(address)
	if err != nil {
		return Result{}, err
	}
	defer client.Close()
	tally := &Tally{}
	create := Build("POST", "/api/v1/reqs/", []byte(body))
	begin := time.Now()
	for i := 0; i < count && time.Since(begin) < limit; i++ {
		filed := time.Now()
		id, err := file(client, create)
		if err != nil {
			tally.Fail(err)
			break
		}
		show := Build("GET", fmt.Sprintf("/api/v1/reqs/%d", id), nil)
		for shown := []byte(nil); !bytes.Contains(shown, running); {
			if shown, err = client.Good(show); err == nil && time.Since(filed) > answerWithin {
				err = fmt.Errorf("request %d did not start within %v", id, answerWithin)
			}
			if err != nil {
				tally.Fail(err)
				return tally.Result(time.Since(begin)), nil
			}
		}
		tally.Add([]time.Duration{time.Since(filed)})
		if _, err := client.Good(closing(id)); err != nil {
			tally.Fail(err)
			break
		}
	}
	return tally.Result(time.Since(begin)), nil
}
