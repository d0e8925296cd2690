package keeper

import (
	"encoding/binary"
	"errors"
	"syscall"
	"time"

	"berth/internal/fault"
	"berth/internal/program"
)

// A message is one packet:
//
//	kind u8 · number u32 · body
//
// Integers are little-endian, a string is its u16 length and its bytes, a
// list its u16 length and its items. The number pairs an answer with its
// request; 0 belongs to events and to errors about the connection itself.
type kind uint8

const (
	askHello      kind = 1    // version u32 → the same, pid u32; from 3 on: the keeper's own version u32
	askStart      kind = 2    // startBody + descriptors → pid u32, started i64 + pidfd
	askList       kind = 3    // → more u8, list of processes; repeated while more
	askAdopt      kind = 4    // id → process, names + pidfd and held descriptors
	askCloseStdin kind = 5    // id →
	askForget     kind = 6    // id →
	askPark       kind = 7    // parkBody + descriptors → pid u32 + pidfd
	askDiscard    kind = 8    // sandbox id →
	askParked     kind = 9    // → sandbox ids
	askHold       kind = 10   // id, name + descriptor →
	askRenew      kind = 11   // name + directory → pid u32, version u32 of the keeper that came of it
	answerOK      kind = 0x81 //
	answerFail    kind = 0x82 // failBody
	eventExit     kind = 0x90 // id, exit
)

const (
	headerSize = 5
	maxMessage = 64 << 10
	maxString  = 4096 // PATH_MAX; identifiers are far shorter
	maxFds     = 253  // SCM_MAX_FD, unix(7)
	maxProgram = 8 << 20
)

var errMalformed = errors.New("the message is malformed")

// writer appends fields to a message.
type writer struct{ b []byte }

func newWriter(k kind, number uint32) *writer {
	w := &writer{b: make([]byte, 0, 128)}
	w.u8(uint8(k))
	w.u32(number)
	return w
}

func (w *writer) u8(v uint8)   { w.b = append(w.b, v) }
func (w *writer) u16(v int)    { w.b = binary.LittleEndian.AppendUint16(w.b, uint16(v)) }
func (w *writer) u32(v uint32) { w.b = binary.LittleEndian.AppendUint32(w.b, v) }
func (w *writer) i64(v int64)  { w.b = binary.LittleEndian.AppendUint64(w.b, uint64(v)) }

// str writes s, cut to maxString: only error texts can be that long.
func (w *writer) str(s string) {
	s = s[:min(len(s), maxString)]
	w.u16(len(s))
	w.b = append(w.b, s...)
}

func (w *writer) strs(list []string) {
	w.u16(len(list))
	for _, s := range list {
		w.str(s)
	}
}

// reader takes fields from a message. After the first bad field everything is
// zero and done reports the error, so that callers check once.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad, r.b = true, nil
		return make([]byte, 8)[:min(n, 8)]
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) u8() uint8   { return r.take(1)[0] }
func (r *reader) u16() int    { return int(binary.LittleEndian.Uint16(r.take(2))) }
func (r *reader) u32() uint32 { return binary.LittleEndian.Uint32(r.take(4)) }
func (r *reader) i64() int64  { return int64(binary.LittleEndian.Uint64(r.take(8))) }

func (r *reader) str() string {
	n := r.u16()
	if r.bad || n > maxString || n > len(r.b) {
		r.bad = true
		return ""
	}
	return string(r.take(n))
}

func (r *reader) strs() []string {
	n := r.u16()
	if r.bad || n > len(r.b)/2 { // every string takes two bytes at least
		r.bad = r.bad || n > 0
		return nil
	}
	var list []string
	for i := 0; i < n && !r.bad; i++ {
		list = append(list, r.str())
	}
	return list
}

// done is nil when every field was there and nothing is left over.
func (r *reader) done() error {
	if r.bad || len(r.b) > 0 {
		return errMalformed
	}
	return nil
}

// parseHeader splits a packet. A packet too short for a header is malformed.
func parseHeader(packet []byte) (kind, uint32, *reader, error) {
	r := &reader{b: packet}
	k, number := kind(r.u8()), r.u32()
	if r.bad {
		return 0, 0, nil, errMalformed
	}
	return k, number, r, nil
}

// startBody is what a start request says beside its descriptors, which come in
// this order: the program's memfd, the program's own, the held ones.
type startBody struct {
	id, container, sandbox, pidfile, spool, exitFile string
	programFds                                       int
	held                                             []string
}

func (b *startBody) write(w *writer) {
	w.str(b.id)
	w.str(b.container)
	w.str(b.sandbox)
	w.str(b.pidfile)
	w.str(b.spool)
	w.str(b.exitFile)
	w.u16(b.programFds)
	w.strs(b.held)
}

func readStart(r *reader) (*startBody, error) {
	b := &startBody{id: r.str(), container: r.str(), sandbox: r.str(), pidfile: r.str(), spool: r.str(), exitFile: r.str()}
	b.programFds = r.u16()
	b.held = r.strs()
	return b, r.done()
}

// parkBody is what a request for a sandbox says beside its descriptors: the
// program's memfd and the program's own.
type parkBody struct {
	id         string
	programFds int
}

func (b *parkBody) write(w *writer) {
	w.str(b.id)
	w.u16(b.programFds)
}

func readPark(r *reader) (*parkBody, error) {
	b := &parkBody{id: r.str(), programFds: r.u16()}
	return b, r.done()
}

func writeExit(w *writer, e *Exit) {
	w.u16(e.Code)
	w.u8(uint8(e.Signal))
	w.i64(e.Time.UnixNano())
}

func readExit(r *reader) Exit {
	return Exit{Code: r.u16(), Signal: int(r.u8()), Time: time.Unix(0, r.i64())}
}

func writeProcess(w *writer, p *Process) {
	w.str(p.ID)
	w.str(p.Container)
	w.u32(uint32(p.Pid))
	w.i64(p.Started.UnixNano())
	if p.Exit == nil {
		w.u8(0)
	} else {
		w.u8(1)
		writeExit(w, p.Exit)
	}
	w.str(p.Spool)
	w.strs(p.Streams)
}

func readProcess(r *reader) Process {
	p := Process{ID: r.str(), Container: r.str(), Pid: int(r.u32()), Started: time.Unix(0, r.i64())}
	if r.u8() != 0 {
		e := readExit(r)
		p.Exit = &e
	}
	p.Spool = r.str()
	p.Streams = r.strs()
	return p
}

// writeFail encodes err. A program's failure keeps its step and errno; the
// names of the steps stay with the daemon, which made the program.
func writeFail(w *writer, err error) {
	var f *program.Failure
	if !errors.As(err, &f) {
		w.u8(uint8(fault.KindOf(err)))
		w.u8(0)
		w.str(err.Error())
		return
	}
	w.u8(uint8(fault.Internal))
	w.u8(1)
	w.u32(uint32(int32(f.Step)))
	w.u32(uint32(int32(f.Of)))
	w.u32(uint32(f.Errno))
}

func readFail(r *reader) error {
	k, isProgram := fault.Kind(r.u8()), r.u8()
	if isProgram == 0 {
		text := r.str()
		if err := r.done(); err != nil {
			return err
		}
		return fault.New(k, "%s", text)
	}
	f := &program.Failure{Step: int(int32(r.u32())), Of: int(int32(r.u32())), Errno: syscall.Errno(r.u32())}
	if err := r.done(); err != nil {
		return err
	}
	return f
}
