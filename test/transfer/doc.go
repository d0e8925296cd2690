// Package transfer pulls and pushes through a registry that fails at every point where one can.
package transfer
