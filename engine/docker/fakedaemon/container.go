package fakedaemon

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Config says what a container that a test makes is like.
type Config struct {
	Name string
	// Image is the first of the daemon's if it is not set.
	Image       string
	Labels, Env map[string]string
	// IgnoreStop makes it live on after its stop signal.
	IgnoreStop bool
	// Network is "bridge" if it is not set; Port is what it exposes, 8080 if it is not set.
	Network string
	Port    uint16
}

// ignoreStop is the command of a container that lives on after its stop signal.
const ignoreStop = "-ignore-stop"

// created is the body of a create. What is not named here is kept in config and host as it came.
type created struct {
	Image            string
	Labels           map[string]string
	Env, Cmd         []string
	StopSignal       string
	Tty              bool
	ExposedPorts     map[string]struct{}
	HostConfig       struct{ NetworkMode string }
	NetworkingConfig struct{ EndpointsConfig map[string]json.RawMessage }

	config map[string]json.RawMessage
	host   json.RawMessage
}

type container struct {
	created
	id, name, imageID           string
	state, health               string
	made, startedAt, finishedAt time.Time
	exitCode                    int
	// endpoints are in the order in which the container was attached.
	endpoints []*endpoint
	// ended is closed when the present run ends.
	ended  chan struct{}
	server *server
	lines  []line
}

type endpoint struct {
	*network
	address netip.Addr // valid only while it runs
}

type network struct {
	name, id string
	first    netip.Addr
}

func (c *container) alive() bool { return c.state == "running" || c.state == "paused" }

// identifier returns 64 digits that depend only on what was made before.
func identifier(kind string, n int) string {
	sum := sha256.Sum256([]byte(kind + strconv.Itoa(n)))
	return hex.EncodeToString(sum[:])
}

func imageID(reference string) string {
	sum := sha256.Sum256([]byte(reference))
	return "sha256:" + hex.EncodeToString(sum[:])
}

// image returns the ID of an image by its reference or ID; empty if there is none.
func (d *Daemon) image(reference string) string {
	for _, known := range d.options.Images {
		if id := imageID(known); reference == known || reference == id {
			return id
		}
	}
	return ""
}

// AddNetwork makes a network whose addresses are handed out from its lowest on, and again when they are free.
func (d *Daemon) AddNetwork(name string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	base := d.options.Subnet.Masked().Addr().As4()
	base[2], base[3] = byte(len(d.networks)), 2 // 1 is the gateway's.
	d.networks = append(d.networks, &network{
		name: name, id: identifier("network", len(d.networks)), first: netip.AddrFrom4(base),
	})
}

// network finds a network by name or ID. The caller holds mu.
func (d *Daemon) network(name string) (*network, error) {
	for _, n := range d.networks {
		if n.name == name || n.id == name {
			return n, nil
		}
	}
	return nil, notFound("network %s not found", name)
}

// free returns the lowest free address of a network. The caller holds mu.
func (d *Daemon) free(n *network) netip.Addr {
	taken := make(map[netip.Addr]bool)
	for _, c := range d.containers {
		for _, e := range c.endpoints {
			taken[e.address] = true
		}
	}
	address := n.first
	for taken[address] {
		address = address.Next()
	}
	return address
}

// find returns a container by ID, name or beginning of its ID. The caller holds mu.
func (d *Daemon) find(id string) (*container, error) {
	if c := d.containers[id]; c != nil {
		return c, nil
	}
	for _, c := range d.containers {
		if c.name == strings.TrimPrefix(id, "/") || len(id) >= 12 && strings.HasPrefix(c.id, id) {
			return c, nil
		}
	}
	return nil, notFound("No such container: %s", id)
}

func (d *Daemon) create(name string, asked created) (string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := &container{created: asked, name: name, imageID: d.image(asked.Image), state: "created"}
	if c.imageID == "" {
		return "", notFound("No such image: %s", asked.Image)
	}
	if err := d.nameFree(name); err != nil {
		return "", err
	}
	if mode := asked.HostConfig.NetworkMode; mode != "host" && mode != "none" && !strings.HasPrefix(mode, "container:") {
		if mode == "" || mode == "default" {
			mode = "bridge"
		}
		n, err := d.network(mode)
		if err != nil {
			return "", err
		}
		c.endpoints = []*endpoint{{network: n}}
	}
	d.made++
	c.id, c.made = identifier("container", d.made), d.now()
	if c.name == "" {
		c.name = "nameless_" + strconv.Itoa(d.made)
	}
	d.containers[c.id] = c
	d.tell(c, "create")
	return c.id, nil
}

func (d *Daemon) nameFree(name string) error {
	for _, other := range d.containers {
		if name != "" && other.name == name {
			return conflict("Conflict. The container name %q is already in use by container %q.", "/"+name, other.id)
		}
	}
	return nil
}

// Run creates and starts a container.
func (d *Daemon) Run(config Config) (string, error) {
	body := map[string]any{"Image": d.options.Images[0], "Labels": config.Labels}
	if config.Image != "" {
		body["Image"] = config.Image
	}
	var env []string
	for name, value := range config.Env {
		env = append(env, name+"="+value)
	}
	slices.Sort(env)
	body["Env"] = env
	if config.IgnoreStop {
		body["Cmd"] = []string{ignoreStop}
	}
	port := config.Port
	if port == 0 {
		port = 8080
	}
	body["ExposedPorts"] = map[string]any{fmt.Sprintf("%d/tcp", port): struct{}{}}
	body["HostConfig"] = map[string]any{"NetworkMode": config.Network}
	asked, err := parseCreated(body)
	if err != nil {
		return "", err
	}
	id, err := d.create(config.Name, asked)
	if err != nil {
		return "", err
	}
	return id, d.Start(id)
}

func parseCreated(body any) (created, error) {
	var c created
	text, err := json.Marshal(body)
	if err != nil {
		return c, err
	}
	err = c.parse(text)
	return c, err
}

func (c *created) parse(text []byte) error {
	if err := json.Unmarshal(text, c); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &c.config); err != nil {
		return err
	}
	c.host = c.config["HostConfig"]
	delete(c.config, "HostConfig")
	delete(c.config, "NetworkingConfig")
	return nil
}

// Running tells since when a container has been running or paused; false if it is neither.
func (d *Daemon) Running(id string) (time.Time, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(id)
	if err != nil || !c.alive() {
		return time.Time{}, false
	}
	return c.startedAt, true
}
