package main

import (
	"encoding/json"
	"fmt"
	"time"
)

const started = "request.started"

// grant measures, one request after the other, the time from its POST until its IN PROGRESS event
// arrives on a stream that is open all along. Each request is closed before the next is filed.
func grant(address, body string, count int, limit time.Duration) (Result, error) {
	events := make(chan arrival, 4096)
	ready := make(chan error, 1)
	go follow(address, func(event Event) {
		if event.Kind == started {
			events <- arrival{event.Request, time.Now()}
		}
	}, ready)
	if err := <-ready; err != nil {
		return Result{}, err
	}
	return lendEach(address, body, count, limit, func(_ *Client, id int) (time.Time, error) {
		return await(events, id)
	})
}

// lendEach files requests one after the other and times each until started has seen it start. Each
// is closed before the next is filed.
func lendEach(
	address, body string, count int, limit time.Duration,
	started func(client *Client, id int) (time.Time, error),
) (Result, error) {
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
		at, err := started(client, id)
		if err != nil {
			tally.Fail(err)
			break
		}
		tally.Add([]time.Duration{at.Sub(filed)})
		if _, err := client.Good(closing(id)); err != nil {
			tally.Fail(err)
			break
		}
	}
	return tally.Result(time.Since(begin)), nil
}

type arrival struct {
	request int
	at      time.Time
}

func await(events <-chan arrival, id int) (time.Time, error) {
	patience := time.After(answerWithin)
	for {
		select {
		case event := <-events:
			if event.request == id {
				return event.at, nil
			}
		case <-patience:
			return time.Time{}, fmt.Errorf("request %d did not start within %v", id, answerWithin)
		}
	}
}

func file(client *Client, create []byte) (int, error) {
	body, err := client.Good(create)
	if err != nil {
		return 0, err
	}
	var created struct{ ReqID int }
	if err := json.Unmarshal(body, &created); err != nil {
		return 0, err
	}
	return created.ReqID, nil
}

func closing(id int) []byte {
	return Build("POST", fmt.Sprintf("/api/v1/reqs/%d/close", id), nil)
}
