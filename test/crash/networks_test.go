//go:build linux

package crash

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"berth/test/harness"

	"github.com/vishvananda/netlink"
)

// attaches puts a container that runs on a network that was made for it, takes it off, and removes the network.
func attaches(w *worker) {
	b := w.create("", sleeper)
	w.does(b, post("/start", running), nil)
	if b == nil || w.gone {
		return
	}
	name := "of-" + b.id[:12]
	w.wants(http.StatusCreated, "POST", "/networks/create", `{"Name":"`+name+`"}`)
	w.wants(http.StatusOK, "POST", "/networks/"+name+"/connect", `{"Container":"`+b.id+`"}`)
	w.wants(http.StatusOK, "POST", "/networks/"+name+"/disconnect", `{"Container":"`+b.id+`"}`)
	w.wants(http.StatusNoContent, "DELETE", "/networks/"+name, "")
	w.wants(http.StatusCreated, "POST", "/networks/create", `{"Name":"`+name+`"}`)
	w.wants(http.StatusOK, "POST", "/networks/"+name+"/connect", `{"Container":"`+b.id+`"}`)
}

// alone has all networks removed that no container is on, and looks for bridges that stay.
func alone(d *harness.Daemon) error {
	look := &worker{d: d}
	if status, answer := look.request("POST", "/networks/prune", ""); status != http.StatusOK {
		return fmt.Errorf("the prune of networks answers %d %s", status, bytes.TrimSpace(answer))
	}
	_, answer := look.request("GET", "/networks", "")
	var all []struct{ Name string }
	if err := json.Unmarshal(answer, &all); err != nil {
		return err
	}
	if len(all) != 3 {
		return fmt.Errorf("networks are left: %v", all)
	}
	links, err := netlink.LinkList()
	if err != nil && !errors.Is(err, netlink.ErrDumpInterrupted) {
		return err
	}
	for _, l := range links {
		if strings.HasPrefix(l.Attrs().Alias, "berth:"+d.ExecRoot()+":") {
			return fmt.Errorf("the bridge %s is left", l.Attrs().Name)
		}
	}
	return nil
}
