package crankcase

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/crankcase/crankcase/capdata"
	"github.com/crankcase/crankcase/hostfuncs"
)

// Messages is a file of messages for a kernel, one JSON object a line:
//
//	{"target": "alice", "method": "pay", "args": ["bob", 5]}
//
// target is a static vat, whose root gets the message; args, which may be left
// out, are smallcaps without references. Blank lines count but do nothing. It is read as a stream and
// belongs to one goroutine at a time. See Kernel.Play.
type Messages struct {
	path  string
	file  *os.File
	r     *bufio.Reader
	vats  []string
	lines int // of the whole file

	line   int       // lines read
	prefix hash.Hash // of these lines, each with its end
	buf    []byte
}

// maxLine bounds a line: the largest body, and room for what stands around it.
const maxLine = 10<<20 + 64<<10

// A message is a line of a messages file.
type message struct {
	target string
	data   capdata.KernelData
}

// OpenMessages opens a file of messages and checks all of it: broken JSON,
// names that are not there, references, a target that is not among vats, or a line that is
// too long give an *InputError with the line, and nothing has changed.
func OpenMessages(path string, vats []string) (*Messages, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("messages: %w", err)
	}
	m := &Messages{path: path, file: f, vats: vats}
	if err := m.check(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return m, nil
}

func (m *Messages) check() error {
	info, err := m.file.Stat()
	if err != nil {
		return fmt.Errorf("messages: %w", err)
	}
	if !info.Mode().IsRegular() {
		return &InputError{File: m.path, Problem: "messages are read twice, so they have to be in a regular file"}
	}
	if err := m.rewind(); err != nil {
		return err
	}
	for {
		_, ok, err := m.next()
		if err != nil {
			return err
		}
		if !ok {
			m.lines = m.line
			return m.rewind()
		}
	}
}

// Lines is the number of lines of the file.
func (m *Messages) Lines() int { return m.lines }

// Close closes the file.
func (m *Messages) Close() error { return m.file.Close() }

// rewind goes to the first line.
func (m *Messages) rewind() error {
	if _, err := m.file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("messages: %w", err)
	}
	if m.r == nil {
		m.r = bufio.NewReaderSize(m.file, 256<<10)
	}
	m.r.Reset(m.file)
	m.line = 0
	m.prefix = sha256.New()
	return nil
}

// readLine reads a line into m.buf, without its end. ok is false at the end of
// the file.
func (m *Messages) readLine() (ok bool, err error) {
	m.buf = m.buf[:0]
	for {
		part, err := m.r.ReadSlice('\n')
		m.buf = append(m.buf, part...)
		if len(m.buf) > maxLine {
			return false, &InputError{m.path, m.line + 1, 1, fmt.Sprintf("the line is longer than %d bytes", maxLine)}
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(m.buf) == 0:
			return false, nil
		case err != nil && !errors.Is(err, io.EOF):
			return false, fmt.Errorf("messages: %w", err)
		}
		m.buf = bytes.TrimSuffix(m.buf, []byte("\n"))
		m.line++
		// A last line without its end counts like one with it, so that lines
		// can be appended to the file.
		m.prefix.Write(m.buf)
		m.prefix.Write([]byte{'\n'})
		return true, nil
	}
}

// sum is the hash of the lines that were read.
func (m *Messages) sum() string { return hex.EncodeToString(m.prefix.Sum(nil)) }

// skipPrefix reads the given number of lines and reports whether they hash to
// sum. If not, it goes back to the first line.
func (m *Messages) skipPrefix(lines int, sum string) (bool, error) {
	if lines > m.lines {
		return false, nil
	}
	for m.line < lines {
		ok, err := m.readLine()
		if err != nil {
			return false, err
		}
		if !ok {
			break
		}
	}
	if m.line == lines && m.sum() == sum {
		return true, nil
	}
	return false, m.rewind()
}

// next reads the next message. ok is false at the end of the file.
func (m *Messages) next() (msg message, ok bool, err error) {
	for {
		if ok, err := m.readLine(); err != nil || !ok {
			return msg, false, err
		}
		if len(bytes.TrimSpace(m.buf)) > 0 {
			msg, err := m.parse()
			return msg, err == nil, err
		}
	}
}

var messageFields = []string{"target", "method", "args"}

func (m *Messages) parse() (msg message, err error) {
	r := newJSONReader(m.path, m.line, m.buf)
	if err := r.checkUTF8(); err != nil {
		return msg, err
	}
	var method string
	var args json.RawMessage
	argsAt := 0
	seen := map[string]bool{}
	err = r.object("the message", messageFields, func(name string, _ int) (err error) {
		seen[name] = true
		switch name {
		case "target":
			at := r.next()
			if msg.target, err = r.string(name); err == nil && !slices.Contains(m.vats, msg.target) {
				err = r.failAt(at, "there is no vat %q in the config; it has %v", msg.target, m.vats)
			}
		case "method":
			method, err = r.string(name)
		case "args":
			args, argsAt, err = r.raw()
		}
		return err
	})
	if err == nil {
		err = r.end()
	}
	if err != nil {
		return msg, err
	}
	for _, name := range messageFields[:2] {
		if !seen[name] {
			return msg, r.failAt(0, "the message has no %q", name)
		}
	}
	msg.data, err = EncodeCallJSON(method, args)
	var problem *argsError
	if errors.As(err, &problem) {
		return msg, r.failAt(argsAt+problem.offset, "%s", problem.text)
	}
	return msg, err
}

// argsError says what is wrong with the JSON of arguments.
type argsError struct {
	offset int // in the JSON
	text   string
}

func (e *argsError) Error() string { return e.text }

// EncodeCallJSON makes the methargs of a call from its arguments as a JSON
// array in the smallcaps encoding, without references; none: no arguments.
func EncodeCallJSON(method string, args []byte) (data capdata.KernelData, err error) {
	call, err := capdata.EncodeCall[capdata.Kref](method)
	if err != nil || len(args) == 0 {
		return call, err
	}
	v, err := capdata.Decode(capdata.KernelData{Body: append([]byte("#"), args...)})
	if err != nil {
		var p *capdata.ParseError
		if errors.As(err, &p) {
			at := max(p.Offset-1, 0)
			if found := string(args[min(at, len(args)):]); strings.HasPrefix(found, `"$`) || strings.HasPrefix(found, `"&`) {
				return data, &argsError{at, `args: a string that begins with $ or & is a reference, which cannot be sent from outside; the text itself is written with a ! before it`}
			}
			return data, &argsError{at, fmt.Sprintf("args: expected %s, found %s", p.Expected, p.Found)}
		}
		return data, &argsError{0, err.Error()}
	}
	if _, ok := v.([]any); !ok {
		return data, &argsError{0, "args is an array: [...]"}
	}
	body := bytes.NewBuffer(bytes.TrimSuffix(call.Body, []byte("[]]")))
	if err := json.Compact(body, args); err != nil {
		return data, &argsError{0, fmt.Sprintf("args are broken JSON: %v", err)}
	}
	body.WriteByte(']')
	if limit := int(hostfuncs.DefaultLimits().MaxBody); body.Len() > limit {
		return data, &argsError{0, fmt.Sprintf("the message's body has %d bytes, the most is %d", body.Len(), limit)}
	}
	return capdata.KernelData{Body: body.Bytes()}, nil
}
