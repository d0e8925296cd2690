package provision

import (
	"os"
	"strconv"
	"strings"

	"berth/internal/container/record"
	"berth/internal/container/stdio"
	"berth/internal/keeper"
)

// Request is what the keeper is asked to start: a container's first process, or
// with another ID a further one. The keeper's client calls sent once it has
// sent it.
func (h *Host) Request(p *Prepared, id, container string, sent func()) keeper.StartRequest {
	return keeper.StartRequest{
		ID: id, Container: container, Sandbox: p.sandbox, Spool: h.deps.Paths.Spool(id), ExitFile: h.deps.Paths.ExitFile(id),
		Program: p.program, Fds: p.fds, Held: p.held, Pidfile: p.pidfile(), Sent: sent,
	}
}

// IO are the process's streams.
func (p *Prepared) IO() *stdio.Streams { return p.io }

// Endpoints are how the container will be connected.
func (p *Prepared) Endpoints() []record.Endpoint { return p.endpoints }

// Started is what the run holds, now that its process runs.
func (p *Prepared) Started(pid int, pidfd *os.File) Holdings {
	if p.box != nil {
		p.box.pidfd.Close() // the keeper gave another
	}
	return Holdings{Pid: pid, Pidfd: pidfd, Rootfs: p.rootfs, Pty: p.io.Pty, Group: p.group}
}

// heldPort and the port's index is the name under which the keeper holds the
// socket of a published port.
const heldPort = "port"

// Streams are the engine's ends among what the keeper held, and the sockets of
// the published ports.
func Streams(a *keeper.Adopted) (io *stdio.Streams, ports []*os.File) {
	io = &stdio.Streams{}
	for _, h := range a.Held {
		switch h.Name {
		case keeper.StreamStdin:
			io.Stdin = h.File
		case keeper.StreamStdout:
			io.Stdout = h.File
		case keeper.StreamStderr:
			io.Stderr = h.File
		case keeper.StreamPty:
			io.Pty = h.File
		default:
			i, err := strconv.Atoi(strings.TrimPrefix(h.Name, heldPort))
			if err != nil { // the keeper goes on holding it
				h.File.Close()
				continue
			}
			for len(ports) <= i {
				ports = append(ports, nil)
			}
			ports[i] = h.File
		}
	}
	return io, ports
}
