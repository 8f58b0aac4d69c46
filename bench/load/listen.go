package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"time"
)

// listen holds event streams open until its standard input ends, reads all that comes on them and
// throws it away. It says "ready" once all are open, and at the end how many bytes they told.
func listen(address, query string, streams int) error {
	var told atomic.Int64
	lost := make(chan error, streams)
	for i := 0; i < streams; i++ {
		conn, err := net.DialTimeout("tcp", address, answerWithin)
		if err != nil {
			return err
		}
		defer conn.Close()
		reader := bufio.NewReaderSize(conn, 1<<12)
		conn.SetDeadline(time.Now().Add(answerWithin))
		if _, err = conn.Write(Build("GET", "/api/v1/events"+query, nil)); err != nil {
			return err
		}
		for line := ""; !strings.HasPrefix(line, ": listening"); {
			if line, err = reader.ReadString('\n'); err != nil {
				return fmt.Errorf("event stream %d: %w", i+1, err)
			}
			if strings.HasPrefix(line, "HTTP/1.1 ") && !strings.HasPrefix(line, "HTTP/1.1 200") {
				return fmt.Errorf("event stream %d: %s", i+1, strings.TrimSpace(line))
			}
		}
		conn.SetDeadline(time.Time{})
		go func() {
			buffer := make([]byte, 1<<14)
			for {
				size, err := reader.Read(buffer)
				told.Add(int64(size))
				if err != nil {
					lost <- err
					return
				}
			}
		}()
	}
	fmt.Println("ready")
	over := make(chan struct{})
	go func() {
		io.Copy(io.Discard, os.Stdin)
		close(over)
	}()
	select {
	case <-over:
	case err := <-lost:
		return fmt.Errorf("an event stream broke off: %w", err)
	}
	fmt.Println(told.Load())
	return nil
}
