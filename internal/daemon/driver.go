package daemon

import (
	"strings"

	"berth/internal/container/rootfs"
)

// driverValue is a flag's value.
type driverValue rootfs.Driver

func (v *driverValue) Set(s string) error {
	d, err := rootfs.Parse(s)
	*v = driverValue(d)
	return err
}
func (v *driverValue) Type() string   { return "driver" }
func (v *driverValue) String() string { return string(*v) }

// chooseDriver tries how containers' file systems can be made here, and says so in the log when it is not the usual way.
func (d *Daemon) chooseDriver() error {
	driver, why, err := rootfs.Choose(d.cfg.Images.Driver, rootfs.Works(d.cfg.DataRoot+"/containers"))
	if err != nil {
		return err
	}
	d.driver = driver
	switch {
	case len(why) > 0:
		d.log.Warn("containers' file systems are made by "+string(driver), "because", strings.Join(why, "; "))
	case driver != rootfs.Overlay:
		d.log.Info("containers' file systems are made by " + string(driver) + ", as configured")
	}
	return nil
}
