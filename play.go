package crankcase

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/kernel"
)

// wordMessages is the host word that holds a position.
const wordMessages = "crankcase.messages"

// position says which messages a database has consumed. It is written in the
// transaction in which the last of them was queued.
type position struct {
	Lines   int          `json:"lines"`
	SHA256  string       `json:"sha256"`  // of these lines, each with its end
	Skipped int          `json:"skipped"` // messages to vats that had ended
	Result  capdata.Kref `json:"result"`  // of the last message; kept until the next one
}

// DefaultCommitEvery is how many cranks PlayOptions.CommitEvery stands for.
const DefaultCommitEvery = 500

// PlayOptions say how Play goes about. None of it changes a hash.
type PlayOptions struct {
	// Messages are queued one at a time, each when there is nothing else to
	// do. nil: none.
	Messages *Messages
	// CommitEvery is the number of cranks between commits. 0: DefaultCommitEvery.
	CommitEvery uint64
	// MaxCranks ends the run after that many cranks. 0: no bound.
	MaxCranks uint64
	// Stop is asked after each crank whether to end the run here. nil: never.
	Stop func() bool
	// Cranked is told of each crank, and how many lines of the messages are
	// consumed. It must not call the kernel. nil: nobody.
	Cranked func(c kernel.CrankInfo, lines int)
	// Note gets what people should know of where the messages begin. nil:
	// nobody.
	Note func(text string)
}

// Played is what became of a run.
type Played struct {
	Lines   int          // of the messages, consumed so far
	Skipped int          // of those, messages to vats that had ended
	Result  capdata.Kref // the last message's result, which Result tells; 0: none
	Stopped bool         // by Stop
}

// Play runs the kernel until there is nothing to do and all messages are
// consumed, or a bound is reached, and commits as it goes and at the end.
//
// A message is queued exactly when there is nothing else to do, in the
// transaction that records the position in the file; so neither CommitEvery nor
// an end of the process at any time changes what happens. A file that begins
// with the lines that the database has consumed goes on after them, any other
// begins at its first line. A message to a vat that has ended is skipped.
//
// Errors: a *kernel.PanicError, after which the database holds the last
// commit; an error that says that the file was changed while it was read.
func (k *Kernel) Play(o PlayOptions) (Played, error) {
	p := player{kernel: k, options: o}
	if p.options.CommitEvery == 0 {
		p.options.CommitEvery = DefaultCommitEvery
	}
	err := p.play()
	return Played{Lines: p.at.Lines, Skipped: p.at.Skipped, Result: p.at.Result, Stopped: p.stopped}, err
}

type player struct {
	kernel  *Kernel
	options PlayOptions
	at      position

	cranks      uint64 // in this run
	uncommitted uint64
	commit      bool // it is time to
	full        bool // MaxCranks is reached
	stopped     bool
}

func (p *player) play() error {
	if err := p.begin(); err != nil {
		return err
	}
	for {
		if _, err := p.kernel.Run(p); err != nil {
			return err
		}
		switch {
		case p.stop() || p.full:
			return p.kernel.Commit()
		case p.commit:
			if err := p.kernel.Commit(); err != nil {
				return err
			}
			p.commit, p.uncommitted = false, 0
			continue
		}
		goOn, err := p.feed()
		if err != nil || !goOn {
			// What was done up to a broken line stands.
			return errors.Join(err, p.kernel.Commit())
		}
	}
}

// AllowCleanup implements kernel.RunPolicy.
func (p *player) AllowCleanup() (bool, int) { return true, 0 }

// Cranked implements kernel.RunPolicy.
func (p *player) Cranked(c kernel.CrankInfo) bool {
	p.cranks++
	p.uncommitted++
	if p.options.Cranked != nil {
		p.options.Cranked(c, p.at.Lines)
	}
	p.stop()
	p.full = p.options.MaxCranks > 0 && p.cranks >= p.options.MaxCranks
	p.commit = p.uncommitted >= p.options.CommitEvery
	return !p.stopped && !p.full && !p.commit
}

// stop asks whether to end the run.
func (p *player) stop() bool {
	p.stopped = p.options.Stop != nil && p.options.Stop()
	return p.stopped
}

// begin finds where the messages begin.
func (p *player) begin() error {
	word, err := p.kernel.HostGet(wordMessages)
	if err != nil {
		return err
	}
	if word != nil {
		if err := json.Unmarshal(word, &p.at); err != nil {
			return fmt.Errorf("the database's record of consumed messages is damaged: %w", err)
		}
	}
	m := p.options.Messages
	if m == nil || p.at.Lines == 0 {
		return nil
	}
	same, err := m.skipPrefix(p.at.Lines, p.at.SHA256)
	if err != nil {
		return err
	}
	note := fmt.Sprintf("%s: lines 1 to %d were consumed before; it goes on after them", m.path, p.at.Lines)
	if !same {
		note = fmt.Sprintf("%s does not begin with the %d lines that were consumed before; it begins at its first line", m.path, p.at.Lines)
		// The kept result stays until a message is queued.
		p.at = position{Result: p.at.Result}
	}
	if p.options.Note != nil {
		p.options.Note(note)
	}
	return nil
}

// feed queues the next message. goOn is false if there is none.
func (p *player) feed() (goOn bool, err error) {
	m := p.options.Messages
	if m == nil {
		return false, nil
	}
	msg, ok, err := m.next()
	if err != nil {
		return false, fmt.Errorf("the messages were changed while they were read; those before stay consumed: %w", err)
	}
	if !ok {
		return false, nil
	}
	k := p.kernel
	// All results are kept for the same time, whichever line is the last one
	// of a file: that they are is part of the state.
	if p.at.Result != 0 {
		if err := k.Release(p.at.Result); err != nil {
			return false, err
		}
	}
	p.at = position{Lines: m.line, SHA256: m.sum(), Skipped: p.at.Skipped}
	root, err := k.Root(msg.target)
	switch {
	case errors.Is(err, kernel.ErrNoVat):
		p.at.Skipped++
	case err != nil:
		return false, err
	default:
		if p.at.Result, err = k.Queue(root, msg.data, kernel.QueueOptions{Watch: true}); err != nil {
			return false, err
		}
	}
	word, err := json.Marshal(p.at)
	if err != nil {
		return false, err
	}
	return true, k.HostSet(wordMessages, word)
}
