package main

import (
	"sort"
	"sync"
	"time"
)

// Result is what is printed; times of single requests are in milliseconds.
type Result struct {
	Requests int     `json:"requests"`
	Seconds  float64 `json:"seconds"`
	Rate     float64 `json:"rate"`
	P50      float64 `json:"p50"`
	P99      float64 `json:"p99"`
	Errors   int     `json:"errors"`
	Error    string  `json:"error"`
}

// Tally gathers times and errors from several clients.
type Tally struct {
	mutex  sync.Mutex
	times  []time.Duration
	errors int
	first  string
}

// Add takes in what one client has measured.
func (t *Tally) Add(times []time.Duration) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.times = append(t.times, times...)
}

// Fail counts an error and keeps the first one's words.
func (t *Tally) Fail(err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.errors++
	if t.first == "" {
		t.first = err.Error()
	}
}

// Result sums up; elapsed is the time that the whole run took.
func (t *Tally) Result(elapsed time.Duration) Result {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	sort.Slice(t.times, func(i, j int) bool { return t.times[i] < t.times[j] })
	return Result{
		Requests: len(t.times),
		Seconds:  elapsed.Seconds(),
		Rate:     float64(len(t.times)) / elapsed.Seconds(),
		P50:      t.quantile(0.50),
		P99:      t.quantile(0.99),
		Errors:   t.errors,
		Error:    t.first,
	}
}

func (t *Tally) quantile(q float64) float64 {
	if len(t.times) == 0 {
		return 0
	}
	place := int(q * float64(len(t.times)-1))
	return float64(t.times[place]) / float64(time.Millisecond)
}
