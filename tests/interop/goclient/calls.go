package main

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"time"
)

// A call is what a test wants done: the name of a helper and what it is given.
type call struct {
	Call       string
	ID         uint64
	UUID       string
	Caps       capabilities
	Priority   uint8
	ValidAfter time.Time
	Deadline   time.Time
	State      string
	Groups     []string
	Filter     json.RawMessage
	Sorter     *sorter
	Paginator  *paginator
	Old        *oldRequestFilter
	OldWorkers *oldWorkerFilter
}

// What a test wants to know of an access: all that a caller would use.
type reached struct {
	IP       string
	Port     int
	Zone     string
	Username string
	Modulus  string
	Banner   string
}

func (c client) do(wanted call) (interface{}, error) {
	switch wanted.Call {
	case "NewRequest":
		owner := userInfo{Groups: wanted.Groups}
		return c.newRequest(wanted.Caps, wanted.Priority, owner, wanted.ValidAfter, wanted.Deadline)
	case "CloseRequest":
		return nil, c.act(wanted.ID, "close")
	case "ProlongAccess":
		return nil, c.act(wanted.ID, "prolong")
	case "UpdateRequest":
		return nil, c.updateRequest(wanted.ID, update{wanted.Priority, wanted.Deadline, wanted.ValidAfter})
	case "GetRequestInfo":
		return c.requestInfo(wanted.ID)
	case "ListRequests":
		var found []reqInfo
		err := c.list(wanted.body(c.old, wanted.Old), "reqs", &found)
		return found, err
	case "AcquireWorker":
		return c.reach(wanted.ID)
	case "ListWorkers":
		var found []workerInfo
		err := c.list(wanted.body(c.old, wanted.OldWorkers), "workers", &found)
		return found, err
	case "GetWorkerInfo":
		return c.workerInfo(wanted.UUID)
	case "SetState":
		return nil, c.setState(wanted.UUID, wanted.State)
	case "SetGroups":
		return nil, c.setGroups(wanted.UUID, wanted.Groups)
	case "Deregister":
		return nil, c.deregister(wanted.UUID)
	case "GetRequestState":
		return c.head("Boruta-Request-State", "reqs", number(wanted.ID))
	case "GetWorkerState":
		return c.head("Boruta-Worker-State", "workers", wanted.UUID)
	case "GetJobTimeout":
		text, err := c.head("Boruta-Job-Timeout", "reqs", number(wanted.ID))
		if err != nil {
			return nil, err
		}
		return time.Parse(time.RFC3339, text)
	case "Version":
		return c.version()
	}
	return nil, errors.New("no such helper: " + wanted.Call)
}

// A nil filter of version 0.1.0 is the JSON value null in place of the whole body.
func (wanted call) body(old bool, filter interface{}) interface{} {
	if old {
		return filter
	}
	body := listBody{Sorter: wanted.Sorter, Paginator: wanted.Paginator}
	if wanted.Filter != nil {
		body.Filter = wanted.Filter
	}
	return &body
}

func (c client) reach(id uint64) (*reached, error) {
	access, err := c.acquire(id)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode([]byte(access.Key))
	if block == nil || block.Type != "RSA PRIVATE KEY" {
		return nil, errors.New("wrong key")
	}
	key, err := x509.ParsePKCS1PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	banner, err := greeting(access.Addr)
	if err != nil {
		return nil, err
	}
	return &reached{
		IP:       access.Addr.IP.String(),
		Port:     access.Addr.Port,
		Zone:     access.Addr.Zone,
		Username: access.Username,
		Modulus:  key.N.Text(16),
		Banner:   banner,
	}, nil
}

// greeting dials the address literally, as Weles does, and reads what the board says first.
func greeting(address *net.TCPAddr) (string, error) {
	connection, err := net.DialTCP("tcp", nil, address)
	if err != nil {
		return "", err
	}
	defer connection.Close()
	said, err := io.ReadAll(connection)
	return string(said), err
}
