package server

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"berth/internal/container"
	"berth/internal/container/execs"
	"berth/internal/fault"

	"github.com/moby/moby/api/pkg/stdcopy"
	wire "github.com/moby/moby/api/types/container"
)

// echo copies stdin to stdout until it ends, and then says so on both streams.
func echo(tty bool) func(context.Context, container.AttachOptions) error {
	return func(_ context.Context, o container.AttachOptions) error {
		in, out, errs, err := o.Open(tty)
		if err != nil {
			return err
		}
		if _, err := io.Copy(out, in); err != nil {
			return err
		}
		fmt.Fprint(out, "after the end")
		fmt.Fprint(errs, "on stderr")
		return nil
	}
}

// request sends one request and the given bytes right behind it.
func request(t *testing.T, conn net.Conn, target, headers, behind string) (*http.Response, *bufio.Reader) {
	t.Helper()
	_, err := io.WriteString(conn, "POST "+target+" HTTP/1.1\r\nHost: berth\r\n"+headers+"\r\n"+behind)
	if err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, &http.Request{Method: "POST"})
	if err != nil {
		t.Fatal(err)
	}
	return resp, r
}

const upgrade = "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0\r\n"

func TestAnUpgradedAttachIsFramedAndGoesOnAfterAHalfClose(t *testing.T) {
	conn := dial(t, start(t, &fake{attach: echo(false)}))
	resp, r := request(t, conn, "/v1.44/containers/x/attach?stream=1&stdin=1&stdout=1&stderr=1", upgrade, "early ")
	if resp.StatusCode != 101 || resp.Status != "101 UPGRADED" || resp.Header.Get("Content-Type") != "application/vnd.docker.multiplexed-stream" || resp.Header.Get("Upgrade") != "tcp" {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	fmt.Fprint(conn, "late")
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	var out, errs bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &errs, r); err != nil {
		t.Fatal(err)
	}
	if out.String() != "early lateafter the end" || errs.String() != "on stderr" {
		t.Errorf("%q %q", &out, &errs)
	}
}

func TestAnUpgradedTerminalIsRaw(t *testing.T) {
	conn := dial(t, start(t, &fake{attach: echo(true)}))
	resp, r := request(t, conn, "/containers/x/attach?stream=1&stdin=1&stdout=1&stderr=1", upgrade, "")
	if resp.StatusCode != 101 || resp.Header.Get("Content-Type") != "application/vnd.docker.raw-stream" {
		t.Fatalf("%s %v", resp.Status, resp.Header)
	}
	_ = conn.CloseWrite()
	if all, err := io.ReadAll(r); err != nil || string(all) != "after the endon stderr" {
		t.Errorf("%q %v", all, err)
	}
}

func TestAnAttachWithoutUpgradeAnswers200AndTheSameFrames(t *testing.T) {
	conn := dial(t, start(t, &fake{attach: echo(false)}))
	_, _ = io.WriteString(conn, "POST /v1.24/containers/x/attach?stream=1&stdin=1&stdout=1&stderr=1 HTTP/1.1\r\nHost: b\r\nContent-Length: 0\r\n\r\nin")
	// The write side closes before the answer: the old clients' way to say that there is no more input.
	_ = conn.CloseWrite()
	all, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	head, body, ok := bytes.Cut(all, []byte("\r\n\r\n"))
	if !ok || string(head) != "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream" {
		t.Fatalf("%q", all)
	}
	var out, errs bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &errs, bytes.NewReader(body)); err != nil || out.String() != "inafter the end" {
		t.Errorf("%q %v", &out, err)
	}
}

func TestBeforeVersion142UpgradedStreamsDoNotSayThatTheyAreFramed(t *testing.T) {
	conn := dial(t, start(t, &fake{attach: echo(false)}))
	resp, _ := request(t, conn, "/v1.41/containers/x/attach?stream=1&stdin=1&stdout=1&stderr=1", upgrade, "")
	if resp.Header.Get("Content-Type") != "application/vnd.docker.raw-stream" {
		t.Errorf("%v", resp.Header)
	}
}

func TestOnlyTheAskedForStreamsAreOpened(t *testing.T) {
	f := &fake{attach: func(_ context.Context, o container.AttachOptions) error {
		in, out, errs, err := o.Open(false)
		if err == nil && (in != nil || out == nil || errs != nil) {
			err = errors.New("wrong streams")
		}
		fmt.Fprint(out, "ok")
		return err
	}}
	conn := dial(t, start(t, f))
	_, r := request(t, conn, "/containers/x/attach?stream=1&stdout=1", upgrade, strings.Repeat("unasked", 1000))
	var out, errs bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &errs, r); err != nil || out.String() != "ok" || errs.Len() > 0 {
		t.Errorf("%q %q %v", &out, &errs, err)
	}
}

func TestAnErrorBeforeTheStreamIsJSONAndOneAfterIsAFrameOnStderr(t *testing.T) {
	f := &fake{attach: func(context.Context, container.AttachOptions) error {
		return fault.New(fault.Conflict, "You cannot attach to a paused container, unpause it first")
	}}
	path := start(t, f)
	resp, _ := request(t, dial(t, path), "/containers/x/attach?stream=1", upgrade, "")
	var body struct{ Message string }
	if err := json.NewDecoder(resp.Body).Decode(&body); err != nil || resp.StatusCode != 409 || !strings.HasPrefix(body.Message, "You cannot") {
		t.Errorf("%s %+v %v", resp.Status, body, err)
	}
	f.exec = func(_ context.Context, o execs.StartOptions) error {
		if _, _, _, err := o.Open(false); err != nil {
			return err
		}
		return fault.New(fault.Invalid, "exec failed: no such file")
	}
	_, r := request(t, dial(t, path), "/exec/e/start", "Connection: Upgrade\r\nUpgrade: tcp\r\nContent-Type: application/json\r\nContent-Length: 2\r\n", "{}")
	var out, errs bytes.Buffer
	if _, err := stdcopy.StdCopy(&out, &errs, r); err != nil || out.Len() > 0 || errs.String() != "exec failed: no such file\r\n" {
		t.Errorf("%q %q %v", &out, &errs, err)
	}
}

// waiting opens the stream and waits for its context.
func waiting(opened chan<- struct{}) func(context.Context, container.AttachOptions) error {
	return func(ctx context.Context, o container.AttachOptions) error {
		if _, _, _, err := o.Open(false); err != nil {
			return err
		}
		opened <- struct{}{}
		<-ctx.Done()
		return ctx.Err()
	}
}

func TestAClientThatGoesAwayEndsItsAttach(t *testing.T) {
	opened, ended := make(chan struct{}), make(chan struct{})
	f := &fake{attach: func(ctx context.Context, o container.AttachOptions) error {
		defer close(ended)
		return waiting(opened)(ctx, o)
	}}
	conn := dial(t, start(t, f))
	request(t, conn, "/containers/x/attach?stream=1&stdin=1", upgrade, "")
	<-opened
	_ = conn.CloseWrite() // this alone must not end it
	_ = conn.Close()
	select {
	case <-ended:
	case <-time.After(30 * time.Second):
		t.Fatal("the attach goes on without a client")
	}
}

func TestShutdownEndsHijackedStreams(t *testing.T) {
	opened := make(chan struct{}, 1)
	s := newServer(&fake{attach: waiting(opened)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, r := request(t, conn, "/containers/x/attach?stream=1&stdout=1", upgrade, "")
	<-opened
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := s.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-served; !errors.Is(err, http.ErrServerClosed) {
		t.Error(err)
	}
	if all, err := io.ReadAll(r); err != nil || len(all) > 0 {
		t.Errorf("%q %v", all, err)
	}
}

func TestWaitSendsItsHeaderBeforeTheEnd(t *testing.T) {
	f := &fake{wait: make(chan container.WaitResult)}
	conn := dial(t, start(t, f))
	resp, _ := request(t, conn, "/v1.44/containers/x/wait?condition=next-exit", "Content-Length: 0\r\n", "")
	if resp.StatusCode != 200 || f.seen() != "wait x next-exit" {
		t.Fatalf("%s %s", resp.Status, f.seen())
	}
	f.wait <- container.WaitResult{Code: 7, Err: "it broke"}
	var got wire.WaitResponse
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil || got.StatusCode != 7 || got.Error == nil || got.Error.Message != "it broke" {
		t.Errorf("%+v %v", got, err)
	}
}

func TestWaitBeforeVersion130KnowsNoConditions(t *testing.T) {
	f := &fake{wait: make(chan container.WaitResult, 1)}
	f.wait <- container.WaitResult{Code: 7}
	w := ask(f, "POST", "/v1.29/containers/x/wait?condition=removed", "")
	if w.Code != 200 || w.Body.String() != `{"StatusCode":7}`+"\n" || f.seen() != "wait x not-running" || w.Flushed {
		t.Errorf("%d %s %s", w.Code, w.Body, f.seen())
	}
}

func TestFollowedLogsArriveWhileTheContainerIsQuiet(t *testing.T) {
	goOn := make(chan struct{})
	var opts container.LogOptions
	f := &fake{logs: func(_ context.Context, o container.LogOptions) error {
		opts = o
		_, out, errs, err := o.Open(false)
		if err != nil {
			return err
		}
		fmt.Fprint(out, "one")
		<-goOn
		fmt.Fprint(errs, "two")
		return nil
	}}
	conn := dial(t, start(t, f))
	_, _ = io.WriteString(conn, "GET /containers/x/logs?follow=1&stdout=1&stderr=true&tail=5&timestamps=1&since=1.5&until=2026-01-02T03:04:05Z HTTP/1.1\r\nHost: b\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil || resp.Header.Get("Content-Type") != "application/vnd.docker.multiplexed-stream" {
		t.Fatal(resp, err)
	}
	head := make([]byte, 8+3)
	if _, err := io.ReadFull(resp.Body, head); err != nil || string(head) != "\x01\x00\x00\x00\x00\x00\x00\x03one" {
		t.Fatalf("%q %v", head, err)
	}
	close(goOn)
	rest, err := io.ReadAll(resp.Body)
	if err != nil || string(rest) != "\x02\x00\x00\x00\x00\x00\x00\x03two" {
		t.Errorf("%q %v", rest, err)
	}
	if !opts.Follow || !opts.Timestamps || opts.Details || opts.Tail != 5 || !opts.Since.Equal(time.Unix(1, 5e8)) || opts.Until.Year() != 2026 {
		t.Errorf("%+v", opts)
	}
}

func TestAVerbThatPanicsGivesItsConnectionBack(t *testing.T) {
	f := &fake{attach: func(_ context.Context, o container.AttachOptions) error {
		if _, _, _, err := o.Open(false); err != nil {
			return err
		}
		panic(http.ErrAbortHandler)
	}}
	_, r := request(t, dial(t, start(t, f)), "/containers/x/attach?stream=1&stdout=1", upgrade, "")
	if all, err := io.ReadAll(r); err != nil || len(all) > 0 {
		t.Errorf("%q %v", all, err)
	}
}
