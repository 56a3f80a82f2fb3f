package latchkey

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

type table struct {
	Keys      map[string]Members
	Costs     struct{ Taken, Refused []int }
	Upstreams map[string]any
	Answers   map[string]expected
	Cases     []struct {
		Name, Upstream string
		Cost           *int
		Times          int
		Headers        [][2]string
		Expect         json.RawMessage
	}
}

type expected struct {
	Status  int
	Headers map[string]any
	Body    map[string]any
	Over    string
}

func readTable(t *testing.T) (cases table) {
	if err := json.Unmarshal(must(os.ReadFile("../cases.json")), &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

func TestNoOtherCostIsTaken(t *testing.T) {
	taken := func(cost int) (taken bool) {
		defer func() { taken = recover() == nil }()
		Cost(cost)
		return
	}
	costs := readTable(t).Costs
	for _, cost := range costs.Taken {
		expect(t, taken(cost), cost)
	}
	for _, cost := range costs.Refused {
		expect(t, !taken(cost), cost)
	}
}

func TestTheServiceAnswersAsTheTableSays(t *testing.T) {
	cases := readTable(t)
	latchkey := startServer(t)
	keys, group, mutex := map[string]issued{}, sync.WaitGroup{}, sync.Mutex{}
	for name, wanted := range cases.Keys {
		name, wanted := name, wanted
		group.Add(1)
		go func() {
			defer group.Done()
			key := latchkey.makeKeyOf(wanted)
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
	urls := map[string]string{"": latchkey.url}
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
			urls[name] = url
		}
	}
	t.Run("case", func(t *testing.T) {
		for _, each := range cases.Cases {
			each := each
			t.Run(each.Name, func(t *testing.T) {
				t.Parallel()
				sent := http.Header{}
				for i, header := range each.Headers {
					each.Headers[i][1] = filled(header[1])
					sent.Add(header[0], each.Headers[i][1])
				}
				var options []Option
				if each.Cost != nil {
					options = append(options, Cost(*each.Cost))
				}
				var (
					name string
					of   struct {
						Key     string
						Headers map[string]any
					}
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
					expect = expected{200, of.Headers, told, ""}
				}
				service := startService(t, urls[each.Upstream], options...)
				for i := 0; i == 0 || i < each.Times; i++ {
					answersAs(t, service, each.Headers, expect, keys)
				}
				if expect.Over != "" {
					_, err := must(New(urls[each.Upstream])).Verify(ctx, sent, options...)
					isOver(t, err, expect.Over)
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

func answersAs(t *testing.T, service string, headers [][2]string, expect expected, keys map[string]issued) {
	began := time.Now()
	response, body := rawGet(service, headers)
	if took := time.Since(began); took > 10*time.Second {
		t.Error("took", took)
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
		got := any(strings.Join(lines, ", "))
		if lines == nil {
			got = nil
		} else if value == true {
			got = true
		}
		if got != value {
			t.Errorf("%s: %q", name, lines)
		}
	}
	for _, key := range keys {
		if strings.Contains(string(body), key.text()) {
			t.Error("the answer holds a key")
		}
	}
}

func isOver(t *testing.T, err error, budget string) {
	var limited RateLimited
	header := err.(*Refusal).Header
	switch budget {
	case "rate":
		expect(t, errors.As(err, &limited) && fmt.Sprint(int64(limited.RetryAfter/time.Second)) == header.Get("Retry-After"), err, header)
	default:
		expect(t, errors.Is(err, NoCredits{}) && !errors.As(err, &limited), err, header)
	}
}
