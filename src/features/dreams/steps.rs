//! The record of how a reading is made: each step as it ends, with the time since the one before.

use std::time::{Duration, Instant};

use super::{Fact, Step, StepName, StepOutcome};

/// Steps so far.
pub struct Steps {
    steps: Vec<Step>,
    since: Instant,
}

impl Steps {
    /// The clock of the first step runs from `started` on.
    pub fn since(started: Instant) -> Self {
        Self { steps: Vec::new(), since: started }
    }

    /// A step has ended, which began when the one before it ended.
    pub fn end(&mut self, name: StepName, outcome: StepOutcome, facts: &[(&str, String)]) {
        self.end_after(self.since.elapsed(), name, outcome, facts);
    }

    /// The same of a step that took so long in all, a part of it while another went on.
    pub fn end_after(&mut self, took: Duration, name: StepName, outcome: StepOutcome, facts: &[(&str, String)]) {
        let milliseconds = u32::try_from(took.as_millis()).unwrap_or(u32::MAX);
        self.since = Instant::now();
        let facts = facts.iter().map(|(name, value)| Fact { name: (*name).to_owned(), value: value.clone() });
        self.steps.push(Step { name, outcome, milliseconds, facts: facts.collect() });
    }

    /// All of them, in order.
    pub fn finish(self) -> Vec<Step> {
        self.steps
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_stand_in_the_order_in_which_they_ended() {
        let mut steps = Steps::since(Instant::now());
        steps.end(StepName::Language, StepOutcome::Done, &[("dream", "ru".into())]);
        steps.end(StepName::Care, StepOutcome::Done, &[]);
        let steps = steps.finish();
        assert_eq!(steps.iter().map(|step| step.name).collect::<Vec<_>>(), [StepName::Language, StepName::Care]);
        assert_eq!(steps[0].facts, [Fact { name: "dream".into(), value: "ru".into() }]);
    }
}
