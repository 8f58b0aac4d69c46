package main

import (
	"bytes"
	"fmt"
	"time"
)

var running = []byte(`"State":"IN PROGRESS"`)

// lend measures the same as grant where there are no events: each request is asked for until it
// shows IN PROGRESS. So nothing ever rests.
func lend(address, body string, count int, limit time.Duration) (Result, error) {
	return lendEach(address, body, count, limit, func(client *Client, id int) (time.Time, error) {
		show := Build("GET", fmt.Sprintf("/api/v1/reqs/%d", id), nil)
		for patience := time.Now().Add(answerWithin); ; {
			shown, err := client.Good(show)
			now := time.Now()
			if err != nil || bytes.Contains(shown, running) {
				return now, err
			}
			if now.After(patience) {
				return now, fmt.Errorf("request %d did not start within %v", id, answerWithin)
			}
		}
	})
}
