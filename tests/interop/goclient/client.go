package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

const apiPath = "/api/v1/"

// A client asks a server in the way of the original's client library: what it sends, and what it
// insists on in the answers, follows the behaviour observed, not more.
type client struct {
	base string
	old  bool // as version 0.1.0
}

func (c client) url(parts ...string) string {
	return strings.TrimRight(c.base, "/") + apiPath + strings.Join(parts, "/")
}

// A POST without a payload carries Content-Length 0 and a Content-Type header that is empty.
func (c client) post(payload interface{}, parts ...string) (*http.Response, error) {
	if payload == nil {
		return http.Post(c.url(parts...), "", nil)
	}
	raw, err := json.Marshal(payload)
	if err != nil {
		return nil, err
	}
	return http.Post(c.url(parts...), "application/json", bytes.NewReader(raw))
}

// read takes an answer: nothing for 204, an error from 400 on, JSON in every other case.
func read(response *http.Response, err error, into interface{}) error {
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusNoContent {
		return nil
	}
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return serverError(response, body)
	}
	if err := json.Unmarshal(body, into); err != nil {
		return errors.New("unmarshalling JSON response failed: " + err.Error())
	}
	return nil
}

// The text is looked for in the message only where the type is exactly JSON's.
func serverError(response *http.Response, body []byte) error {
	if response.Header.Get("Content-Type") == "application/json" {
		var failure struct{ Message string }
		if err := json.Unmarshal(body, &failure); err != nil {
			return err
		}
		return errors.New(failure.Message)
	}
	return errors.New("bad HTTP status: " + response.Status + string(body))
}

// Lists of version 0.2 need their figures before they look at the status.
func (c client) list(payload interface{}, path string, into interface{}) error {
	response, err := c.post(payload, path, "list")
	if err != nil {
		return err
	}
	if !c.old {
		for _, name := range []string{"Boruta-List-Total", "Boruta-List-Remaining"} {
			text := response.Header.Get(name)
			if text == "" {
				response.Body.Close()
				return errors.New("couldn't find header: " + name)
			}
			if _, err := strconv.ParseUint(text, 10, 64); err != nil {
				response.Body.Close()
				return err
			}
		}
	}
	return read(response, nil, into)
}

// Headers alone are asked for with HEAD, and only 204 counts as an answer.
func (c client) head(name string, parts ...string) (string, error) {
	response, err := http.Head(c.url(parts...))
	if err != nil {
		return "", err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		return "", errors.New("bad HTTP status: " + response.Status)
	}
	value := response.Header.Get(name)
	if value == "" {
		return "", errors.New("couldn't find header: " + name)
	}
	return value, nil
}

func (c client) newRequest(caps capabilities, priority uint8, owner userInfo, validAfter, deadline time.Time) (uint64, error) {
	wanted := &reqInfo{
		Priority:   priority,
		Owner:      owner,
		Deadline:   deadline,
		ValidAfter: validAfter,
		Caps:       caps,
	}
	var made reqIDPack
	response, err := c.post(wanted, "reqs/")
	err = read(response, err, &made)
	return made.ReqID, err
}

func (c client) act(id uint64, what string) error {
	response, err := c.post(nil, "reqs", fmt.Sprint(id), what)
	return read(response, err, nil)
}

func (c client) updateRequest(id uint64, change update) error {
	response, err := c.post(&change, "reqs", fmt.Sprint(id))
	return read(response, err, nil)
}

func (c client) requestInfo(id uint64) (reqInfo, error) {
	var found reqInfo
	response, err := http.Get(c.url("reqs", fmt.Sprint(id)))
	err = read(response, err, &found)
	return found, err
}

func (c client) acquire(id uint64) (accessInfo, error) {
	var found accessInfo
	response, err := c.post(nil, "reqs", fmt.Sprint(id), "acquire_worker")
	err = read(response, err, &found)
	return found, err
}

func (c client) workerInfo(uuid string) (workerInfo, error) {
	var found workerInfo
	response, err := http.Get(c.url("workers", uuid))
	err = read(response, err, &found)
	return found, err
}

func (c client) setState(uuid, state string) error {
	response, err := c.post(&workerStatePack{WorkerState: state}, "workers", uuid, "setstate")
	return read(response, err, nil)
}

func (c client) setGroups(uuid string, groups []string) error {
	response, err := c.post(groups, "workers", uuid, "setgroups")
	return read(response, err, nil)
}

func (c client) deregister(uuid string) error {
	response, err := c.post(nil, "workers", uuid, "deregister")
	return read(response, err, nil)
}

// The path has the second slash that the library puts there.
func (c client) version() (versionInfo, error) {
	response, err := http.Head(c.url("/version"))
	if err != nil {
		return versionInfo{}, err
	}
	response.Body.Close()
	if response.StatusCode != http.StatusNoContent {
		return versionInfo{}, errors.New("bad HTTP status: " + response.Status)
	}
	return versionInfo{
		Server: response.Header.Get("Boruta-Server-Version"),
		API:    response.Header.Get("Boruta-Api-Version"),
		State:  response.Header.Get("Boruta-Api-State"),
	}, nil
}
