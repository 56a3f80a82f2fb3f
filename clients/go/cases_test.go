package latchkey

import (
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

type table struct {
	Keys      map[string]struct{ Name, Environment, Then string }
	Upstreams map[string]any
	Answers   map[string]expected
	Cases     []struct {
		Name, Upstream string
		Headers        [][2]string
		Expect         json.RawMessage
	}
}

type expected struct {
	Status  int
	Headers map[string]*string
	Body    map[string]any
}

func TestTheServiceAnswersAsTheTableSays(t *testing.T) {
	var cases table
	if err := json.Unmarshal(must(os.ReadFile("../cases.json")), &cases); err != nil {
		t.Fatal(err)
	}
	latchkey := startServer(t)
	keys, group, mutex := map[string]issued{}, sync.WaitGroup{}, sync.Mutex{}
	for name, wanted := range cases.Keys {
		name, wanted := name, wanted
		group.Add(1)
		go func() {
			defer group.Done()
			key := latchkey.makeKey(wanted.Name, wanted.Environment, wanted.Then)
			mutex.Lock()
			keys[name] = key
			mutex.Unlock()
		}()
	}
	group.Wait()
	placeholder := regexp.MustCompile(`\{[a-z]+(\.\w+)?\}`)
	filled := func(text string) string {
		return placeholder.ReplaceAllStringFunc(text, func(found string) string {
			name, member, _ := strings.Cut(strings.Trim(found, "{}"), ".")
			switch {
			case name == "latchkey":
				return latchkey.url
			case name == "long":
				return strings.Repeat("a", 3000)
			case member == "":
				member = "text"
			}
			return keys[name][member].(string)
		})
	}
	services := map[string]string{"": startService(t, latchkey.url)}
	for name, upstream := range cases.Upstreams {
		url := nobody()
		if script, scripted := upstream.([]any); scripted {
			for i, step := range script {
				if text, isText := step.(string); isText {
					script[i] = filled(text)
				}
			}
			url = startImposter(t, script, false).url
		}
		if name != "latchkey" {
			services[name] = startService(t, url)
		}
	}
	t.Run("case", func(t *testing.T) {
		for _, each := range cases.Cases {
			each := each
			t.Run(each.Name, func(t *testing.T) {
				t.Parallel()
				for i, header := range each.Headers {
					each.Headers[i][1] = filled(header[1])
				}
				began := time.Now()
				response, body := rawGet(services[each.Upstream], each.Headers)
				if took := time.Since(began); took > 10*time.Second {
					t.Error("took", took)
				}
				var (
					name   string
					of     struct{ Key string }
					expect expected
				)
				if json.Unmarshal(each.Expect, &name) == nil {
					expect = cases.Answers[name]
				} else if err := json.Unmarshal(each.Expect, &of); err != nil {
					t.Fatal(err)
				} else {
					key := keys[of.Key]
					told := map[string]any{"owner": key["ownerId"]}
					for _, same := range []string{"keyId", "name", "environment"} {
						told[same] = key[same]
					}
					expect = expected{200, nil, told}
				}
				var told map[string]any
				if err := json.Unmarshal(body, &told); err != nil || !reflect.DeepEqual(told, expect.Body) {
					t.Errorf("body %s, expected %v", body, expect.Body)
				}
				if response.StatusCode != expect.Status || !strings.HasPrefix(response.Header.Get("Content-Type"), "application/json") {
					t.Error(response.Status, response.Header)
				}
				for name, value := range expect.Headers {
					lines := response.Header.Values(name)
					if got := strings.Join(lines, ", "); (value == nil) != (lines == nil) || value != nil && got != *value {
						t.Errorf("%s: %q", name, lines)
					}
				}
				for _, key := range keys {
					if strings.Contains(string(body), key.text()) {
						t.Error("the answer holds a key")
					}
				}
			})
		}
	})
	for _, key := range keys {
		if strings.Contains(logged.text(), key.text()) {
			t.Error("the log holds a key")
		}
	}
	if !strings.Contains(logged.text(), "refused a request with 503") {
		t.Error("no cause of a 503 is in the log")
	}
}
