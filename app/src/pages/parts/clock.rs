//! Converts steps to seconds of training, from the recorded speed of the steps.

use crate::widgets::Axis;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct StepClock {
    /// Step, and seconds of training up to its end, by step.
    known: Vec<[f64; 2]>,
}

impl StepClock {
    /// From steps in order, each with the speed in tokens per second since the previous one.
    pub fn of(steps: impl Iterator<Item = (u64, f64)>, tokens_per_step: u64) -> Self {
        let mut known = vec![[0.0, 0.0]];
        let (mut before, mut seconds) = (0, 0.0);
        for (step, tokens_per_s) in steps {
            let tokens = step.saturating_sub(before).saturating_mul(tokens_per_step);
            before = step;
            if tokens_per_s > 0.0 {
                seconds += tokens as f64 / tokens_per_s;
                known.push([step as f64, seconds]);
            }
        }
        Self { known }
    }

    pub fn place(&self, axis: Axis, step: f64) -> f64 {
        match axis {
            Axis::Steps | Axis::Rate | Axis::Parameters => step,
            Axis::Time => self.seconds(step),
        }
    }

    fn seconds(&self, step: f64) -> f64 {
        let behind = self.known.partition_point(|[known, _]| *known < step);
        let (Some(before), Some(after)) = (self.known.get(behind.saturating_sub(1)), self.known.get(behind))
        else {
            return self.known.last().map_or(0.0, |[_, seconds]| *seconds);
        };
        let share = (step - before[0]) / (after[0] - before[0]).max(1.0);
        before[1] + share.clamp(0.0, 1.0) * (after[1] - before[1])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_has_its_time_by_the_speed_of_those_before() {
        // 100 tokens per step: 10 steps at 100 tokens per second, then 10 at twice that.
        let clock = StepClock::of([(10, 100.0), (20, 200.0)].into_iter(), 100);
        let at = |step| clock.place(Axis::Time, step);
        assert_eq!((at(0.0), at(5.0), at(10.0), at(15.0), at(20.0)), (0.0, 5.0, 10.0, 12.5, 15.0));
        assert_eq!(at(25.0), 15.0, "beyond what is known it stands still");
        assert_eq!(clock.place(Axis::Steps, 7.0), 7.0);
        assert_eq!(StepClock::default().place(Axis::Time, 3.0), 0.0);
    }
}
