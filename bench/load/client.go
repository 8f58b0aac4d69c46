package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// Client sends requests that were built before, one at a time, over one kept connection. It does
// far less than net/http does, so that the server and not the client is measured.
type Client struct {
	conn   net.Conn
	reader *bufio.Reader
	body   []byte
}

// Dial opens a connection.
func Dial(address string) (*Client, error) {
	conn, err := net.DialTimeout("tcp", address, answerWithin)
	if err != nil {
		return nil, err
	}
	return &Client{conn: conn, reader: bufio.NewReaderSize(conn, 64*1024)}, nil
}

// Close ends the connection.
func (c *Client) Close() { c.conn.Close() }

// Build returns a request as bytes.
func Build(method, path string, body []byte) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s %s HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\n", method, path)
	if method == "POST" {
		fmt.Fprintf(&out, "Content-Type: application/json\r\nContent-Length: %d\r\n", len(body))
	}
	out.WriteString("\r\n")
	if method == "POST" {
		out.Write(body)
	}
	return out.Bytes()
}

// Do sends a request and returns status and body; the body is valid until the next call.
func (c *Client) Do(request []byte) (int, []byte, error) {
	if err := c.conn.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return 0, nil, err
	}
	if _, err := c.conn.Write(request); err != nil {
		return 0, nil, err
	}
	status, length, err := c.head()
	if err != nil {
		return 0, nil, err
	}
	if cap(c.body) < length {
		c.body = make([]byte, length)
	}
	c.body = c.body[:length]
	_, err = io.ReadFull(c.reader, c.body)
	return status, c.body, err
}

// Good sends a request and returns the body, or an error for any status but 2xx.
func (c *Client) Good(request []byte) ([]byte, error) {
	status, body, err := c.Do(request)
	if err == nil && status/100 != 2 {
		line := bytes.SplitN(request, []byte("\r\n"), 2)[0]
		err = fmt.Errorf("%s: status %d: %.200s", line, status, body)
	}
	return body, err
}

var contentLength = []byte("content-length:")

// head reads status line and headers. Every answer of ours but an event stream has a length.
func (c *Client) head() (status, length int, err error) {
	line, err := c.reader.ReadSlice('\n')
	if err != nil {
		return 0, 0, err
	}
	if len(line) < 12 || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return 0, 0, fmt.Errorf("no HTTP answer: %.80q", line)
	}
	if status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return 0, 0, err
	}
	for {
		if line, err = c.reader.ReadSlice('\n'); err != nil {
			return 0, 0, err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			return status, length, nil
		}
		if len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength) {
			value := string(bytes.TrimSpace(line[len(contentLength):]))
			if length, err = strconv.Atoi(value); err != nil {
				return 0, 0, err
			}
		}
	}
}
