//go:build !darwin && !linux

package wazeroengine

var osPages pageSource = heapPages{}
