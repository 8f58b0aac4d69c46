// Command standin is a small server in memory with the calls that the bench compares: it stands in
// for the original, which is a Go server in memory too and is not ours to ship.
//
//	standin -address 127.0.0.1:8487 -boards 10
//
// It does with net/http, encoding/json, one lock and a goroutine for each timer what such a server
// does at least: file, show, close, and lend an idle board with a listening port of its own.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Request is what a request shows.
type Request struct {
	ID         int
	Priority   int
	Owner      struct{ Groups []string }
	Deadline   time.Time
	ValidAfter time.Time
	State      string
	Caps       map[string]string
	port       net.Listener
}

// Farm is everything there is.
type Farm struct {
	mutex    sync.RWMutex
	requests map[int]*Request
	last     int
	idle     int
	waiting  []*Request
	changed  chan struct{}
}

func main() {
	address := flag.String("address", "127.0.0.1:8487", "where to listen")
	boards := flag.Int("boards", 10, "idle boards")
	flag.Parse()
	farm := &Farm{
		requests: make(map[int]*Request), idle: *boards, changed: make(chan struct{}, 1),
	}
	go farm.match()
	http.HandleFunc("/api/v1/reqs/", farm.serve)
	http.HandleFunc("/api/v1/version", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]string{"Server": "standin"})
	})
	if err := http.ListenAndServe(*address, nil); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func (f *Farm) serve(w http.ResponseWriter, r *http.Request) {
	parts := strings.Split(strings.TrimPrefix(r.URL.Path, "/api/v1/reqs/"), "/")
	if parts[0] == "" {
		f.create(w, r)
		return
	}
	id, err := strconv.Atoi(parts[0])
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if len(parts) == 2 && parts[1] == "close" {
		f.close(w, id)
		return
	}
	f.mutex.RLock()
	request, ok := f.requests[id]
	var shown Request
	if ok {
		shown = *request
	}
	f.mutex.RUnlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	answer(w, http.StatusOK, shown)
}

func (f *Farm) create(w http.ResponseWriter, r *http.Request) {
	request := &Request{}
	if err := json.NewDecoder(r.Body).Decode(request); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	request.State = "WAITING"
	now := time.Now()
	if request.ValidAfter.IsZero() {
		request.ValidAfter = now
	}
	request.Deadline = request.ValidAfter.AddDate(0, 1, 0)
	f.mutex.Lock()
	f.last++
	request.ID = f.last
	f.requests[request.ID] = request
	later := request.ValidAfter.Sub(now)
	if later <= 0 {
		f.waiting = append(f.waiting, request)
	}
	f.mutex.Unlock()
	if later > 0 {
		time.AfterFunc(later, func() { f.ripe(request) })
	} else {
		f.look()
	}
	answer(w, http.StatusCreated, map[string]int{"ReqID": request.ID})
}

func (f *Farm) ripe(request *Request) {
	f.mutex.Lock()
	f.waiting = append(f.waiting, request)
	f.mutex.Unlock()
	f.look()
}

func (f *Farm) look() {
	select {
	case f.changed <- struct{}{}:
	default:
	}
}

// match lends idle boards to those who wait for any.
func (f *Farm) match() {
	for range f.changed {
		f.mutex.Lock()
		left := f.waiting[:0]
		for _, request := range f.waiting {
			if request.State != "WAITING" {
				continue
			}
			if f.idle == 0 || request.Caps["kind"] != "ready" {
				left = append(left, request)
				continue
			}
			port, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				left = append(left, request)
				continue
			}
			f.idle--
			request.port, request.State = port, "IN PROGRESS"
		}
		f.waiting = left
		f.mutex.Unlock()
	}
}

func (f *Farm) close(w http.ResponseWriter, id int) {
	f.mutex.Lock()
	request, ok := f.requests[id]
	if ok {
		if request.port != nil {
			request.port.Close()
			request.port = nil
			f.idle++
		}
		request.State = "DONE"
	}
	f.mutex.Unlock()
	if !ok {
		http.Error(w, "Request not found", http.StatusNotFound)
		return
	}
	f.look()
	w.WriteHeader(http.StatusNoContent)
}

func answer(w http.ResponseWriter, status int, said interface{}) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(said)
}
