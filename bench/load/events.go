package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// Event is what the server tells on its event stream, as far as it is used here.
type Event struct {
	Number  int    `json:"Number"`
	Kind    string `json:"Kind"`
	Request int    `json:"Request"`
	State   string `json:"State"`
}

// follow reads events until the stream breaks for good. A reader that fell behind goes on from
// its last event, as any client would. The first value on ready tells that events arrive.
func follow(address string, handle func(Event), ready chan<- error) {
	last := ""
	for first := true; ; first = false {
		request, err := http.NewRequest("GET", "http://"+address+"/api/v1/events", nil)
		if err != nil {
			ready <- err
			return
		}
		if last != "" {
			request.Header.Set("Last-Event-ID", last)
		}
		response, err := http.DefaultClient.Do(request)
		if err == nil && response.StatusCode != 200 {
			err = fmt.Errorf("event stream: %s", response.Status)
		}
		if err != nil {
			if first {
				ready <- err
			}
			return
		}
		lines := bufio.NewReaderSize(response.Body, 1<<18)
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				break
			}
			switch {
			case strings.HasPrefix(line, ": listening"):
				if first {
					ready <- nil
				}
			case strings.HasPrefix(line, "id: "):
				last = strings.TrimSpace(line[4:])
			case strings.HasPrefix(line, "data: "):
				var event Event
				if json.Unmarshal([]byte(line[6:]), &event) == nil {
					handle(event)
				}
			}
		}
		response.Body.Close()
	}
}
