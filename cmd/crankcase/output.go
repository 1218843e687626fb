package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/crankcase/crankcase"
	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

// printJSON prints one object.
func printJSON(w io.Writer, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s\n", b)
	return err
}

// printTable prints a table, or nothing if it has no rows.
func printTable(w io.Writer, title string, header table.Row, rows []table.Row) {
	if len(rows) == 0 {
		return
	}
	t := table.NewWriter()
	t.SetOutputMirror(w)
	t.SetStyle(table.StyleLight)
	t.Style().Format.Header = text.FormatDefault
	if title != "" {
		t.SetTitle(title)
	}
	t.AppendHeader(header)
	t.AppendRows(rows)
	configs := make([]table.ColumnConfig, len(header))
	for i := range header {
		configs[i] = table.ColumnConfig{Number: i + 1, WidthMax: 60, WidthMaxEnforcer: text.WrapText}
	}
	t.SetColumnConfigs(configs)
	t.Render()
}

// printStatus prints a status for people.
func printStatus(w io.Writer, s *crankcase.Status) {
	rows := make([]table.Row, 0, len(s.Vats))
	for _, v := range s.Vats {
		state := "alive"
		if !v.Alive {
			state = "ended: " + plain(v.Fault)
		}
		rows = append(rows, table.Row{fmt.Sprintf("v%d", v.Vat), v.Name, v.Deliveries, v.GasUsed, state})
	}
	printTable(w, "", table.Row{"vat", "name", "deliveries", "gas", "state"}, rows)
	idle := "idle"
	if !s.Idle {
		idle = "not idle: there is more to run"
	}
	mode := "off"
	if s.ConsensusMode {
		mode = "on"
	}
	fmt.Fprintf(w, "cranks         %d\ndeliveries     %d\ngas            %d\nconsensus mode %s\nactivity hash  %s\nstate root     %s\n%s\n",
		s.Cranks, s.Deliveries, s.GasUsed, mode, s.ActivityHash, s.StateRoot, idle)
}

// settled is how a promise settled, for --json.
type settled struct {
	Promise capdata.Kref   `json:"promise"`
	State   string         `json:"state"` // fulfilled, rejected, unresolved
	Body    string         `json:"body,omitempty"`
	Slots   []capdata.Kref `json:"slots,omitempty"`
	Text    *string        `json:"text,omitempty"` // of a string, or of an error
}

// howSettled reads how a promise settled, for --json and for people.
func howSettled(k *crankcase.Kernel, promise capdata.Kref) (s settled, shown string, err error) {
	s = settled{Promise: promise, State: string(kernel.PromiseUnresolved)}
	how, data, err := k.PromiseResult(promise)
	if errors.Is(err, kernel.ErrUnresolved) {
		return s, "", nil
	}
	if err != nil {
		return s, "", err
	}
	s.State = string(kernel.PromiseFulfilled)
	if how == capdata.Rejected {
		s.State = string(kernel.PromiseRejected)
	}
	s.Body, s.Slots = string(data.Body), data.Slots
	v, err := capdata.Decode(data)
	if err != nil { // a vat may settle a promise with anything
		return s, s.Body, nil
	}
	switch v := v.(type) {
	case string:
		s.Text = &v
	case *capdata.Error:
		text := v.Error()
		s.Text = &text
	}
	return s, crankcase.FormatValue(v), nil
}
