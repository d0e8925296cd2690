//go:build linux

package network

import (
	"encoding/json"

	"berth/internal/fault"
	"berth/internal/network/definition"
	"berth/internal/state"
)

// bucket holds the networks that users have made, by ID.
const bucket = "networks"

// records are they, as written down; without a store there are none, and none can be made.
type records struct{ *state.Store }

// put writes a network down.
func (r records) put(d definition.Definition) error {
	value, err := json.Marshal(d)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "network %s cannot be written down", d.Name)
	}
	return fault.Wrap(fault.Internal, r.Commit(state.Op{Bucket: bucket, Key: d.ID, Value: value}), "network %s cannot be written down", d.Name)
}

// all reads the networks that users have made.
func (r records) all() ([]definition.Definition, error) {
	var list []definition.Definition
	if r.Store == nil {
		return nil, nil
	}
	err := r.Each(bucket, func(id string, value []byte) error {
		var d definition.Definition
		if err := json.Unmarshal(value, &d); err != nil {
			return fault.Wrap(fault.Internal, err, "the record of network %s cannot be read", id)
		}
		list = append(list, d)
		return nil
	})
	return list, err
}
