//! The loss of a graph, and a teacher's logits for distillation.

use super::{Builder, Built, Model};
use crate::graph::ops::{Operation as _, *};
use crate::graph::{GraphError, Input, Type, ValueId};
use crate::model::teacher::TEACHER;
use crate::model::{LossForm, Purpose};

impl Builder<'_> {
    /// The whole graph: logits, and the loss if the purpose has one.
    pub(super) fn model(mut self) -> Built<Model> {
        let logits = self.logits()?;
        let Purpose::Loss { batch, time, label_smoothing, ignore_index, form, .. } = self.purpose else {
            return Ok(Model { graph: self.graph, logits, loss: None, sites: self.sites });
        };
        let temperature = form.temperature();
        let logits = match temperature == 1.0 {
            true => logits,
            false => self.graph.add(Scale(1.0 / temperature), X { x: logits })?.y,
        };
        let plain = CrossEntropy { label_smoothing, ignore_index };
        let loss = match form {
            LossForm::CrossEntropy | LossForm::Answers { .. } => {
                let targets = self.targets();
                self.likelihoods(plain, logits, targets)?.loss
            }
            LossForm::Preference(op) => {
                let targets = self.targets();
                let rows = self.likelihoods(plain, logits, targets)?.rows;
                let scores = self.graph.input(Input::Scores, Type::f32(&[op.scores(batch)]));
                self.graph.add(op, PreferenceInputs { rows, targets, scores })?.loss
            }
            LossForm::Policy { policy, .. } | LossForm::Weighted(policy) => {
                let targets = self.targets();
                let rows = self.likelihoods(plain, logits, targets)?.rows;
                let scores = self.graph.input(Input::Scores, Type::f32(&[batch * time, POLICY_SCORES]));
                self.graph.add(policy, PolicyInputs { rows, targets, scores })?.loss
            }
            LossForm::Distil(op) => {
                let teacher = self.taught()?;
                let targets = self.targets();
                self.graph.add(op, DistilInputs { logits, teacher, targets })?.loss
            }
            LossForm::Unlikelihood(op) => {
                let targets = self.targets();
                let tokens = self.graph.input(Input::Tokens, Type::u32(&[batch, time]));
                let starts = self.starts();
                self.graph.add(op, UnlikelihoodInputs { logits, tokens, targets, starts })?.loss
            }
        };
        Ok(Model { graph: self.graph, logits, loss: Some(loss), sites: self.sites })
    }

    /// The targets input; sets the loss scope.
    fn targets(&mut self) -> ValueId {
        self.scope("loss");
        let (batch, time) = self.size();
        self.graph.input(Input::Targets, Type::u32(&[batch, time]))
    }

    /// The cross-entropy, or the score loss if the head outputs a score.
    fn likelihoods(
        &mut self,
        op: CrossEntropy,
        logits: ValueId,
        targets: ValueId,
    ) -> Built<CrossEntropyOutputs<ValueId>> {
        if !self.config.scores() {
            return self.graph.add(op, CrossEntropyInputs { logits, targets });
        }
        let op = Score { ignore_index: op.ignore_index };
        let ScoreOutputs { loss, rows } = self.graph.add(op, ScoreInputs { logits, targets })?;
        Ok(CrossEntropyOutputs { loss, rows })
    }

    /// The teacher's logits for the same tokens: its decoder in the same graph, frozen and without dropout.
    fn taught(&mut self) -> Built {
        let Some(teacher) = self.teacher else {
            let (scope, reason) = ("loss".to_owned(), "the teacher is unknown".to_owned());
            return Err(GraphError { scope, op: Distil::NAME, reason });
        };
        let graph = std::mem::take(&mut self.graph);
        let mut builder = Self { graph, prefix: TEACHER, ..Self::new(teacher, None, self.purpose) };
        let logits = builder.logits()?;
        self.graph = builder.graph;
        Ok(logits)
    }
}
