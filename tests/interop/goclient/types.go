package main

import (
	"net"
	"time"
)

type capabilities map[string]string

type userInfo struct {
	Groups []string
}

type jobInfo struct {
	WorkerUUID string
	Timeout    time.Time
}

type reqInfo struct {
	ID         uint64
	Priority   uint8
	Owner      userInfo
	Deadline   time.Time
	ValidAfter time.Time
	State      string
	Job        *jobInfo
	Caps       capabilities
}

type workerInfo struct {
	WorkerUUID string
	State      string
	Groups     []string
	Caps       capabilities
}

type reqIDPack struct {
	ReqID uint64
}

type workerStatePack struct {
	WorkerState string
}

type update struct {
	Priority   uint8
	Deadline   time.Time
	ValidAfter time.Time
}

// The body of a list in version 0.2, and in version 0.1.0, where it was the filter alone.
type listBody struct {
	Filter    interface{}
	Sorter    *sorter
	Paginator *paginator
}

type sorter struct {
	Item  string
	Order string
}

type paginator struct {
	ID        interface{} `json:",omitempty"`
	Direction string
	Limit     uint16
}

type oldRequestFilter struct {
	State    string
	Priority string
}

type oldWorkerFilter struct {
	Groups       []string
	Capabilities capabilities
}

// A host name in IP fails to decode: net.IP takes literals only.
type accessInfo struct {
	Addr     *net.TCPAddr
	Key      string
	Username string
}

type versionInfo struct {
	Server string
	API    string
	State  string
}
