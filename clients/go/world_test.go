package latchkey

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// logged has what the standard logger was told.
var logged lockedBuffer

type lockedBuffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(line []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(line)
}

func (b *lockedBuffer) text() string {
	b.Lock()
	defer b.Unlock()
	return b.String()
}

func TestMain(m *testing.M) {
	log.SetOutput(&logged)
	os.Exit(m.Run())
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// server is a real Latchkey on an embedded database of its own, with a session.
type server struct {
	url, socket, cookie, owner string
	environment                []string
}

// issued is what Latchkey says of a key, and its text.
type issued map[string]any

func (k issued) text() string { return k["text"].(string) }

func startServer(t *testing.T) *server {
	binary := os.Getenv("LATCHKEY_BINARY")
	if binary == "" {
		t.Skip("LATCHKEY_BINARY names no binary")
	}
	folder := t.TempDir()
	s := &server{socket: "unix:" + filepath.Join(folder, "socket")}
	s.environment = []string{
		"PATH=" + os.Getenv("PATH"), "LATCHKEY_LISTEN=127.0.0.1:0," + s.socket, "LATCHKEY_DATA_DIR=" + filepath.Join(folder, "data"),
	}
	output := must(os.Create(filepath.Join(folder, "log")))
	command := exec.Command(binary)
	command.Dir, command.Env, command.Stdout, command.Stderr = folder, s.environment, output, output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
		_ = output.Close()
	})
	listening := regexp.MustCompile(`listening on (http://127\.0\.0\.1:\d+)`)
	for until := time.Now().Add(30 * time.Second); s.url == ""; time.Sleep(50 * time.Millisecond) {
		text := must(os.ReadFile(output.Name()))
		if found := listening.FindSubmatch(text); found != nil {
			s.url = string(found[1])
		} else if time.Now().After(until) {
			t.Fatalf("the server did not start:\n%s", text)
		}
	}
	header, account := s.call("POST", "/api/v1/auth/sign-up", Members{"email": "ada@example.com", "password": "correct horse battery"}, "")
	s.owner = account["id"].(string)
	s.cookie, _, _ = strings.Cut(header.Get("Set-Cookie"), ";")
	return s
}

func (s *server) call(method, path string, body Members, key string) (http.Header, issued) {
	request := must(http.NewRequest(method, s.url+path, bytes.NewReader(must(json.Marshal(body)))))
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Cookie", s.cookie)
	if key != "" {
		request.Header.Set("X-Api-Key", key)
	}
	response := must(http.DefaultClient.Do(request))
	defer response.Body.Close()
	told := issued{}
	if err := json.NewDecoder(response.Body).Decode(&told); err != nil || response.StatusCode > 299 {
		panic(fmt.Sprint(method, path, response.StatusCode, told, err))
	}
	return response.Header, told
}

func (s *server) makeKey(name, environment, then string) issued {
	return s.makeKeyOf(Members{"name": name, "environment": environment, "then": then})
}

// makeKeyOf makes a key of the table.
func (s *server) makeKeyOf(wanted Members) issued {
	members := Members{}
	for name, value := range wanted {
		members[name] = value
	}
	then := members["then"]
	delete(members, "then")
	soon := time.Now().Add(1500 * time.Millisecond)
	if then == "expire" {
		members["expiresAt"] = soon.UTC().Format(time.RFC3339Nano)
	}
	_, made := s.call("POST", "/api/v1/api-keys", members, "")
	told := issued{"keyId": made["id"], "ownerId": s.owner, "text": made["key"]}
	for _, same := range []string{"name", "keyPrefix", "environment"} {
		told[same] = made[same]
	}
	one := "/api/v1/api-keys/" + made["id"].(string)
	switch then {
	case "disable":
		s.call("PATCH", one, Members{"enabled": false}, "")
	case "revoke":
		s.call("DELETE", one, nil, "")
	case "use":
		s.call("GET", "/api/v1/verify", nil, told.text())
	case "expire":
		time.Sleep(time.Until(soon.Add(100 * time.Millisecond)))
	}
	return told
}

// imposter treats each request by a list: texts to write and pauses in milliseconds. Then it closes, unless it keeps the
// connection for the next request.
type imposter struct {
	url   string
	keeps bool

	mutex       sync.Mutex
	script      []any
	requests    []string
	connections int
}

func startImposter(t *testing.T, script []any, keeps bool) *imposter {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	t.Cleanup(func() { _ = listener.Close() })
	it := &imposter{url: "http://" + listener.Addr().String(), script: script, keeps: keeps}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go it.serve(connection)
		}
	}()
	return it
}

func (i *imposter) serve(connection net.Conn) {
	defer connection.Close()
	i.mutex.Lock()
	i.connections++
	i.mutex.Unlock()
	for reader := bufio.NewReader(connection); ; {
		request, err := http.ReadRequest(reader)
		if err != nil {
			return
		}
		body, _ := io.ReadAll(request.Body)
		var head bytes.Buffer
		fmt.Fprintf(&head, "%s %s\n", request.Method, request.RequestURI)
		_ = request.Header.Write(&head)
		i.mutex.Lock()
		i.requests = append(i.requests, head.String()+string(body))
		script := i.script
		i.mutex.Unlock()
		for _, step := range script {
			switch step := step.(type) {
			case string:
				if _, err := connection.Write(latin1(step)); err != nil {
					return
				}
			case float64:
				time.Sleep(time.Duration(step) * time.Millisecond)
			}
		}
		if !i.keeps || len(script) == 0 {
			return
		}
	}
}

func (i *imposter) take() []string {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	taken := i.requests
	i.requests = nil
	return taken
}

func latin1(text string) []byte {
	var bytes []byte
	for _, r := range text {
		bytes = append(bytes, byte(r))
	}
	return bytes
}

// nobody is the address of a port where nobody listens.
func nobody() string {
	listener := must(net.Listen("tcp", "127.0.0.1:0"))
	defer listener.Close()
	return "http://" + listener.Addr().String()
}

// startService is the service under test of clients/README.md.
func startService(t *testing.T, url string, options ...Option) string {
	service := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := PrincipalFrom(r.Context())
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{
			"keyId": key.KeyID, "owner": key.OwnerID, "name": key.Name, "environment": key.Environment,
		})
	})
	running := httptest.NewServer(must(New(url)).Require(options...)(service))
	t.Cleanup(running.Close)
	return running.Listener.Addr().String()
}

func rawGet(address string, headers [][2]string) (*http.Response, []byte) {
	lines := "GET / HTTP/1.1\r\nHost: service\r\nConnection: close\r\n"
	for _, header := range headers {
		lines += header[0] + ": " + header[1] + "\r\n"
	}
	connection := must(net.Dial("tcp", address))
	defer connection.Close()
	must(connection.Write(latin1(lines + "\r\n")))
	response := must(http.ReadResponse(bufio.NewReader(connection), nil))
	return response, must(io.ReadAll(response.Body))
}
