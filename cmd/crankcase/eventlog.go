package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/crankcase/crankcase/kernel"
)

// eventLog is where --slog goes, and the console.
type eventLog struct {
	logger *slog.Logger
	out    *screen
	events *slog.Logger // of the file; nil: none
	file   *os.File
	made   bool // the file was not there before
}

func openEventLog(path string, out *screen) (*eventLog, error) {
	l := &eventLog{out: out, logger: slog.New(out)}
	if path == "" {
		return l, nil
	}
	_, err := os.Lstat(path)
	l.made = errors.Is(err, os.ErrNotExist)
	if l.file, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644); err != nil {
		return nil, fmt.Errorf("--slog: %w", err)
	}
	h := slog.NewJSONHandler(l.file, nil)
	l.events = slog.New(h)
	l.logger = slog.New(slog.NewMultiHandler(out, h))
	return l, nil
}

// undo removes a file that was made for nothing.
func (l *eventLog) undo() {
	if l.made {
		_ = os.Remove(l.file.Name()) // an empty log does no harm
	}
}

func (l *eventLog) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

var crankKinds = [...]string{kernel.CrankEmpty: "empty", kernel.CrankDelivery: "delivery", kernel.CrankCleanup: "cleanup"}

// crank logs a crank. It may be undone yet, if the process ends before it is
// committed: then it comes again, with the same number.
func (l *eventLog) crank(c kernel.CrankInfo) {
	if l.events != nil {
		l.events.Info("crank", "crank", c.Number, "kind", crankKinds[c.Kind], "vat", c.Vat, "gasUsed", c.GasUsed)
	}
}

// console shows what a vat writes to its console, and logs it.
func (l *eventLog) console(vat kernel.VatID, name string, level uint32, text string) {
	l.out.console(vat, name, level, text)
	if l.events != nil {
		l.events.Info("console", "vat", vat, "name", name, "level", level, "text", text)
	}
}
