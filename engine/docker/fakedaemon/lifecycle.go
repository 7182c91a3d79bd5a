package fakedaemon

import (
	"context"
	"slices"
	"strconv"
	"time"
)

const (
	signalKill = 9
	signalTerm = 15
)

// Start starts a container.
func (d *Daemon) Start(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(id)
	switch {
	case err != nil:
		return err
	case c.state == "paused":
		return conflict("cannot start a paused container, try unpause instead")
	case c.alive():
		return errUnchanged
	}
	for _, e := range c.endpoints {
		e.address = d.free(e.network)
	}
	if d.options.Listen {
		if c.server, err = d.listen(c); err != nil {
			c.release()
			return err
		}
	}
	for _, e := range c.endpoints {
		d.tellNetwork(c, e.network, "connect")
	}
	c.startedAt, c.finishedAt, c.exitCode = d.now(), time.Time{}, 0
	c.state, c.ended = "running", make(chan struct{})
	d.tell(c, "start")
	return nil
}

// Stop sends SIGTERM, waits up to timeout and kills.
func (d *Daemon) Stop(id string, timeout time.Duration) error {
	return d.stop(context.Background(), id, timeout)
}

func (d *Daemon) stop(ctx context.Context, id string, timeout time.Duration) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(id)
	if err != nil {
		return err
	}
	if !c.alive() {
		return errUnchanged
	}
	ended := c.ended
	d.signal(c, signalTerm)
	if c.alive() {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		d.mu.Unlock()
		select {
		case <-timer.C:
		case <-ended:
		case <-ctx.Done():
		case <-d.closed:
		}
		d.mu.Lock()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if c.alive() && c.ended == ended {
			d.signal(c, signalKill)
		}
	}
	d.tell(c, "stop")
	return nil
}

// Kill sends a signal. Of those that are not SIGKILL a container ends by SIGTERM alone, with code 0.
func (d *Daemon) Kill(id string, signal int) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(id)
	if err != nil {
		return err
	}
	if !c.alive() {
		return conflict("Container %s is not running", c.id)
	}
	d.signal(c, signal)
	return nil
}

// signal sends a signal to a container that runs, and thaws it for that. The caller holds mu.
func (d *Daemon) signal(c *container, signal int) {
	d.tell(c, "kill", "signal", strconv.Itoa(signal))
	if signal != signalKill && c.state == "paused" {
		d.unpause(c)
	}
	switch {
	case signal == signalKill:
		d.end(c, 128+signalKill)
	case signal == signalTerm && !slices.Contains(c.Cmd, ignoreStop):
		d.end(c, 0)
	}
}

// Crash ends a container without a signal from outside.
func (d *Daemon) Crash(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(id)
	if err != nil {
		return err
	}
	if !c.alive() {
		return conflict("Container %s is not running", c.id)
	}
	d.end(c, 1)
	return nil
}

// end ends a container that runs. The caller holds mu.
func (d *Daemon) end(c *container, code int) {
	c.release()
	close(c.ended)
	c.state, c.exitCode, c.finishedAt = "exited", code, d.now()
	d.tell(c, "die", "exitCode", strconv.Itoa(code))
	for _, e := range c.endpoints {
		d.tellNetwork(c, e.network, "disconnect")
	}
}

// release gives back what a container has while it runs.
func (c *container) release() {
	if c.server != nil {
		c.server.close()
		c.server = nil
	}
	for _, e := range c.endpoints {
		e.address = noAddress
	}
}

// endAll ends the containers' servers with the daemon.
func (d *Daemon) endAll() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.containers {
		c.release()
	}
}

// Pause freezes a container.
func (d *Daemon) Pause(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(id)
	switch {
	case err != nil:
		return err
	case c.state == "paused":
		return conflict("Container %s is already paused", c.id)
	case !c.alive():
		return conflict("Container %s is not running", c.id)
	}
	c.state = "paused"
	if c.server != nil {
		c.server.freeze()
	}
	d.tell(c, "pause")
	return nil
}

// Unpause thaws a container.
func (d *Daemon) Unpause(id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(id)
	if err != nil {
		return err
	}
	if c.state != "paused" {
		// Docker calls this an error of its own.
		return internal("Container %s is not paused", c.id)
	}
	d.unpause(c)
	return nil
}

func (d *Daemon) unpause(c *container) {
	c.state = "running"
	if c.server != nil {
		c.server.thaw()
	}
	d.tell(c, "unpause")
}

// Remove deletes a container; force kills it first.
func (d *Daemon) Remove(id string, force bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(id)
	if err != nil {
		return err
	}
	if c.alive() {
		if !force {
			return conflict("cannot remove container %q: container is running: stop the container before removing or force remove", "/"+c.name)
		}
		d.signal(c, signalKill)
	}
	delete(d.containers, c.id)
	d.tell(c, "destroy")
	return nil
}

// Rename gives a container another name.
func (d *Daemon) Rename(id, name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(id)
	if err != nil {
		return err
	}
	if err := d.nameFree(name); err != nil {
		return err
	}
	old := c.name
	c.name = name
	d.tell(c, "rename", "oldName", "/"+old)
	return nil
}

// SetHealth is what the container's health check is to say: "starting", "healthy", "unhealthy".
func (d *Daemon) SetHealth(id, health string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, err := d.find(id)
	if err != nil {
		return err
	}
	if c.health != health {
		c.health = health
		d.tell(c, "health_status: "+health)
	}
	return nil
}

// Connect attaches a container to a network.
func (d *Daemon) Connect(networkName, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, n, err := d.pair(networkName, id)
	if err != nil {
		return err
	}
	if c.on(n) >= 0 {
		return &apiError{403, "endpoint with name " + c.name + " already exists in network " + n.name}
	}
	e := &endpoint{network: n}
	if c.alive() {
		e.address = d.free(n)
	}
	c.endpoints = append(c.endpoints, e)
	if c.alive() {
		d.tellNetwork(c, n, "connect")
	}
	return nil
}

// Disconnect detaches a container from a network.
func (d *Daemon) Disconnect(networkName, id string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	c, n, err := d.pair(networkName, id)
	if err != nil {
		return err
	}
	i := c.on(n)
	if i < 0 {
		return &apiError{403, "container " + c.id + " is not connected to network " + n.name}
	}
	c.endpoints = slices.Delete(c.endpoints, i, i+1)
	if c.alive() {
		d.tellNetwork(c, n, "disconnect")
	}
	return nil
}

func (d *Daemon) pair(networkName, id string) (*container, *network, error) {
	n, err := d.network(networkName)
	if err != nil {
		return nil, nil, err
	}
	c, err := d.find(id)
	return c, n, err
}

// on is where a network is among the endpoints, -1 if it is not.
func (c *container) on(n *network) int {
	return slices.IndexFunc(c.endpoints, func(e *endpoint) bool { return e.network == n })
}
