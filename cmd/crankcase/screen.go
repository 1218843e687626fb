package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/progress"
	"golang.org/x/term"

	"github.com/crankcase/crankcase/kernel"
)

// screen is standard error: lines of text, and below them, on a terminal, a
// progress bar.
type screen struct {
	w       io.Writer
	bar     progress.Writer   // nil: none
	tracker *progress.Tracker // of the lines of messages
	line    int
}

// newScreen makes a screen. total is the number of lines to come; 0 stands for
// a run of unknown length.
func newScreen(w io.Writer, total int) *screen {
	s := &screen{w: w}
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	s.tracker = &progress.Tracker{Message: "messages", Total: int64(total)}
	s.bar = progress.NewWriter()
	s.bar.SetOutputWriter(w)
	s.bar.SetUpdateFrequency(100 * time.Millisecond)
	s.bar.SetTrackerLength(30)
	s.bar.SetMessageLength(30)
	s.bar.SetStyle(progress.StyleBlocks)
	s.bar.Style().Visibility.Speed = true
	s.bar.AppendTracker(s.tracker)
	go s.bar.Render()
	for !s.bar.IsRenderInProgress() { // to stop what has not begun is nothing
		time.Sleep(100 * time.Microsecond)
	}
	return s
}

// drawEvery is how many cranks the bar stands still.
const drawEvery = 50

// at moves the bar to a line.
func (s *screen) at(line int, cranks uint64) {
	s.line = line
	if s.bar == nil || cranks%drawEvery != 0 {
		return
	}
	s.tracker.UpdateMessage(fmt.Sprintf("crank %d, messages", cranks))
	// A tracker that reaches its total counts as done, and cranks are still to come.
	if int64(line) < s.tracker.Total || s.tracker.Total == 0 {
		s.tracker.SetValue(int64(line))
	}
}

// done ends the drawing; the bar stays where it stood.
func (s *screen) done() {
	if s.bar == nil {
		return
	}
	s.tracker.SetValue(int64(s.line))
	s.tracker.MarkAsDone()
	s.bar.Stop()
	for s.bar.IsRenderInProgress() { // its last line goes before what is printed next
		time.Sleep(time.Millisecond)
	}
	s.bar = nil
}

// interrupted says that a signal was heard. It is called on another goroutine
// than the rest, so it leaves the bar alone.
func (s *screen) interrupted() {
	fmt.Fprintln(s.w, "\ncrankcase: stopping after this crank; once more stops at once and loses what is not committed")
}

// printf writes a line above the bar.
func (s *screen) printf(format string, args ...any) {
	if s.bar != nil {
		s.bar.Log(format, args...)
		return
	}
	fmt.Fprintf(s.w, format+"\n", args...)
}

var levelNames = [...]string{"debug", "log", "info", "warn", "error"}

// console shows what a vat writes to its console.
func (s *screen) console(_ kernel.VatID, name string, level uint32, text string) {
	mark := ""
	if level == 3 || level == 4 {
		mark = levelNames[level] + ": "
	}
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		s.printf("%s: %s%s", name, mark, plain(line))
	}
}

// plain replaces what a terminal would take for a command.
func plain(text string) string {
	return strings.Map(func(c rune) rune {
		if c == '\n' || c == '\t' || !unicode.IsControl(c) {
			return c
		}
		return unicode.ReplacementChar
	}, text)
}

// Handle, Enabled, WithAttrs and WithGroup make a screen a slog.Handler that
// shows the kernel's warnings. Its panics are the command's to report.
func (s *screen) Handle(_ context.Context, r slog.Record) error {
	var b strings.Builder
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%q", a.Key, plain(a.Value.String()))
		return true
	})
	s.printf("crankcase: %s:%s", r.Message, b.String())
	return nil
}

func (s *screen) Enabled(_ context.Context, l slog.Level) bool { return l == slog.LevelWarn }
func (s *screen) WithAttrs([]slog.Attr) slog.Handler           { return s }
func (s *screen) WithGroup(string) slog.Handler                { return s }
