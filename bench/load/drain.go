package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// drain files requests as fast as it can and closes each as soon as its event tells that it runs.
// The time is from the first POST to the last close's answer; the single times are those of the
// closes. A run that does not end within the limit tells how far it came.
func drain(
	address, body string, count, clients int, acquire bool, limit time.Duration,
) (Result, error) {
	running := make(chan int, count+clients)
	ready := make(chan error, 1)
	own := &Own{running: running, seen: map[int]bool{}}
	go follow(address, func(event Event) {
		if event.Kind == started {
			own.started(event.Request)
		}
	}, ready)
	if err := <-ready; err != nil {
		return Result{}, err
	}
	tally := &Tally{}
	over := make(chan struct{})
	var once sync.Once
	end := func() { once.Do(func() { close(over) }) }
	var filed, closed atomic.Int64
	var group sync.WaitGroup
	work := func(run func(*Client) error) {
		group.Add(1)
		go func() {
			defer group.Done()
			client, err := Dial(address)
			if err == nil {
				defer client.Close()
				err = run(client)
			}
			if err != nil {
				tally.Fail(err)
				end()
			}
		}()
	}
	create := Build("POST", "/api/v1/reqs/", []byte(body))
	begin := time.Now()
	for i := 0; i < clients; i++ {
		work(func(client *Client) error {
			for filed.Add(1) <= int64(count) {
				select {
				case <-over:
					return nil
				default:
				}
				id, err := file(client, create)
				if err != nil {
					return err
				}
				own.filed(id)
			}
			return nil
		})
		work(func(client *Client) error {
			for {
				select {
				case <-over:
					return nil
				case id := <-running:
					took, err := finish(client, id, acquire)
					if err != nil {
						return err
					}
					tally.Add([]time.Duration{took})
					if closed.Add(1) == int64(count) {
						end()
					}
				}
			}
		})
	}
	select {
	case <-over:
	case <-time.After(limit):
		end()
	}
	elapsed := time.Since(begin)
	group.Wait()
	return tally.Result(elapsed), nil
}

// Own tells which requests that run were filed here: others may file at the same farm, and an
// event may come before the answer to the POST that it is about.
type Own struct {
	mutex   sync.Mutex
	seen    map[int]bool
	running chan<- int
}

func (o *Own) started(id int) { o.note(id, true) }
func (o *Own) filed(id int)   { o.note(id, false) }

func (o *Own) note(id int, runs bool) {
	o.mutex.Lock()
	before, known := o.seen[id]
	if known && before != runs {
		delete(o.seen, id)
		o.mutex.Unlock()
		o.running <- id
		return
	}
	o.seen[id] = runs
	o.mutex.Unlock()
}

func finish(client *Client, id int, acquire bool) (time.Duration, error) {
	begin := time.Now()
	if acquire {
		path := fmt.Sprintf("/api/v1/reqs/%d/acquire_worker", id)
		if _, err := client.Good(Build("POST", path, nil)); err != nil {
			return 0, err
		}
	}
	_, err := client.Good(closing(id))
	return time.Since(begin), err
}
