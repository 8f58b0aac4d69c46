package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

// unsized hides a body's length, so that it is sent in chunks.
type unsized struct{ io.Reader }

// upgrade sends bodies beside a wish for HTTP/2, as callers behind a proxy do that forwards it.
func upgrade(base string) error {
	caller := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
	for _, form := range []string{"sized", "chunked", "large", "expected"} {
		content := form
		if form == "large" {
			content = strings.Repeat("x", 200000)
		}
		var body io.Reader = strings.NewReader(content)
		if form == "chunked" {
			body = unsized{body}
		}
		wish, err := http.NewRequest("POST", base+"/file", body)
		if err != nil {
			return err
		}
		wish.Header.Set("Connection", "Upgrade, HTTP2-Settings")
		wish.Header.Set("Upgrade", "h2c")
		wish.Header.Set("HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA")
		if form == "expected" {
			wish.Header.Set("Expect", "100-continue")
		}
		answer, err := caller.Do(wish)
		if err != nil {
			return err
		}
		var told struct{ Body string }
		err = json.NewDecoder(answer.Body).Decode(&told)
		answer.Body.Close()
		if err != nil {
			return err
		}
		fmt.Println(form, answer.StatusCode, told.Body == content)
	}
	return nil
}
