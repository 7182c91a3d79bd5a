package balance

import "time"

// RampScale is by how much Ramp multiplies the weights of a pool that ramps, so that parts of weight 1
// are whole numbers: the 10 % that a ramp begins with, and each 5 % after that. As all weights of a ramping pool
// are multiples of few numbers, schedules stay short, and a backend's ramp has 19 steps, whatever it weighs.
const RampScale = 20

// Ramp is the slow start weight of a backend that began to serve age ago:
//
//	weight * max(0.1, age/window)
//
// times RampScale, in whole steps of 5 %, rounded down. From window on, and if that is 0 or less, it is
// weight*RampScale. weight is at least 1, and so is the result. All weights of a pool must be of one scale: for those
// that do not ramp, weight*RampScale. Window is at most ten years.
func Ramp(weight int, age, window time.Duration) int {
	if window <= 0 || age >= window {
		return weight * RampScale
	}
	return weight * max(RampScale/10, int(age*RampScale/window))
}
