package main

import (
	"errors"
	"fmt"
	"time"
)

// weles does jobs as Weles does: it files a request, lists all requests with a body of null until
// its own is IN PROGRESS, acquires exactly once, reads the job's timeout of the list entry, goes to
// the board, and closes. It prints a line for each job.
func weles(base string, jobs int, caps capabilities) error {
	boruta := client{base: base, old: true}
	for job := 0; job < jobs; job++ {
		now := time.Now()
		id, err := boruta.newRequest(caps, 7, userInfo{}, now, now.Add(24*time.Hour))
		if err != nil {
			return err
		}
		entry, err := boruta.untilInProgress(id)
		if err != nil {
			return err
		}
		// A null Job would end the program here, as it ends Weles.
		timeout := entry.Job.Timeout
		access, err := boruta.reach(id)
		if err != nil {
			return fmt.Errorf("the only try to acquire request %d: %w", id, err)
		}
		if err := boruta.act(id, "close"); err != nil {
			return err
		}
		printLine(struct {
			ID      uint64
			Seconds float64
			*reached
		}{id, timeout.Sub(now).Seconds(), access})
	}
	return nil
}

func (c client) untilInProgress(id uint64) (reqInfo, error) {
	for {
		var all []reqInfo
		var nothing *oldRequestFilter
		if err := c.list(nothing, "reqs", &all); err != nil {
			return reqInfo{}, err
		}
		entry, err := find(all, id)
		if err != nil {
			return reqInfo{}, err
		}
		switch entry.State {
		case "WAITING":
		case "IN PROGRESS":
			return entry, nil
		default:
			return reqInfo{}, errors.New("the request is " + entry.State)
		}
	}
}

func find(all []reqInfo, id uint64) (reqInfo, error) {
	for _, entry := range all {
		if entry.ID == id {
			return entry, nil
		}
	}
	return reqInfo{}, fmt.Errorf("request %d is not in the list", id)
}
