//! Choices on the Inspect page.

use crate::pages::prelude::*;
use glasshouse_protocol::inspect::{Edit, TokenText};

/// The prompt, the weights, and the inspected parts of both. Views write clicks into it; the page then requests the changed views.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Chosen {
    pub prompt: String,
    pub source: WeightSource,
    /// The weights in the second column.
    pub beside: Option<WeightSource>,
    /// Layer to request attention for while none is chosen; `None` if all layers fit into one answer.
    pub one_layer: Option<usize>,
    /// What views can read; the page sets the reference.
    pub set: InspectSettings,
    /// The most likely next tokens as last listed, to choose from in single-token views.
    pub listed: Vec<TokenText>,
    /// Use the last written text as the prompt.
    pub take_written: bool,
    /// The view to switch to, requested by another view.
    pub go: Option<View>,
}

pub const OF_LAYER: [View; 2] = [View::Walk, View::Head];
pub const OF_POSITION: [View; 7] = [
    View::Walk,
    View::Embeddings,
    View::Head,
    View::Residual,
    View::LogitLens,
    View::NextToken,
    View::WhatIf,
];
/// Maximum tokens of the samples in [`View::Diff`].
const SAMPLE_TOKENS: usize = 60;
const OF_TOKEN: [View; 4] = [View::Embeddings, View::Residual, View::NextToken, View::WhatIf];

impl Chosen {
    /// The settings that `views` read; all others keep their defaults, so that a view is requested again only if something
    /// changed that it shows.
    pub fn settings(&self, views: &[View]) -> InspectSettings {
        let reads = |of: &[View]| views.iter().any(|view| of.contains(view));
        let (set, default) = (self.set.clone(), InspectSettings::default());
        let changes = reads(&[View::WhatIf]);
        let layer = set.layer.filter(|_| reads(&OF_LAYER));
        let alone = self.one_layer.filter(|_| reads(&[View::Attention]));
        let possible = |edit: &Edit| !set.other_prompt.is_empty() || !is_patch(edit);
        let edits = set.edits.iter().copied().filter(possible).collect();
        InspectSettings {
            layer: layer.or(alone.map(|alone| set.layer.unwrap_or(alone))),
            head: set.head.filter(|_| reads(&[View::Head])),
            position: set.position.filter(|_| reads(&OF_POSITION)),
            token: set.token.filter(|_| reads(&OF_TOKEN)),
            count: set.count,
            sampling: match reads(&[View::NextToken]) {
                true => set.sampling,
                false if reads(&[View::Diff]) => {
                    GenerateConfig { max_tokens: SAMPLE_TOKENS, ..default.sampling }
                }
                false => default.sampling,
            },
            edits: if changes { edits } else { default.edits },
            every_part: changes && set.every_part,
            other_prompt: if changes { set.other_prompt } else { default.other_prompt },
            reference: match reads(&[View::Diff]) {
                true => Some(self.source.clone()),
                false => set.reference.filter(|_| reads(&[View::Embeddings])),
            },
            held_out: set.held_out && reads(&[View::Diff]),
            unit: reads(&[View::Diff]).then(format::loss_unit),
            along_run: set.along_run && reads(&[View::Weights]),
        }
    }

    /// The views to request together with the first of `views`: those of the same layer, or of none.
    pub fn together(&self, views: &[View]) -> Vec<View> {
        let Some(first) = views.first() else { return Vec::new() };
        if takes_long(*first) {
            return vec![*first];
        }
        let of_layer =
            |view: &View| OF_LAYER.contains(view) || *view == View::Attention && self.one_layer.is_some();
        let alike = |view: &&View| !takes_long(**view) && of_layer(view) == of_layer(first);
        views.iter().filter(alike).copied().collect()
    }

    /// Carries out the consequences of clicks since `before`.
    pub fn follow(&mut self, ui: &Ui, context: &mut Context<'_>, before: &Self) {
        if std::mem::take(&mut self.take_written) {
            match context.state.writing.texts.values().next_back() {
                Some(text) => self.prompt = text.prompt.clone() + &text.said,
                None => {
                    context.asks.show_toast("No text has been written yet: write one on Write or in Chat");
                }
            }
        }
        if self.prompt != before.prompt {
            self.another_prompt();
        }
        if *self != *before {
            // Changes are requested in the next frame.
            ui.ctx().request_repaint();
        }
    }

    /// Resets the choices that belong to a prompt.
    pub fn another_prompt(&mut self) {
        (self.set.position, self.set.token, self.one_layer) = (None, None, None);
        self.set.edits.retain(|edit| !is_patch(edit));
        self.listed.clear();
    }

    /// Resets the choices that belong to a model's shape.
    pub fn another_model(&mut self) {
        self.another_prompt();
        (self.set.layer, self.set.head) = (None, None);
        self.set.edits.clear();
    }
}

/// Whether the edit patches in an activation from another prompt.
fn is_patch(edit: &Edit) -> bool {
    matches!(edit, Edit::Patch { .. })
}

/// Slow views, which are requested separately.
pub fn takes_long(view: View) -> bool {
    matches!(view, View::Weights | View::WhatIf | View::Provenance | View::Graph | View::Diff)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_is_asked_for_again_only_when_it_shows_what_changed() {
        let before = Chosen::default();
        let set = InspectSettings { head: Some(1), every_part: true, ..InspectSettings::default() };
        let after = Chosen { set, ..before.clone() };
        let changed = |view: View| before.settings(&[view]) != after.settings(&[view]);
        let shown: Vec<View> = View::ALL.into_iter().filter(|view| changed(*view)).collect();
        assert_eq!(shown, [View::Head, View::WhatIf]);
        let mut layer = before.clone();
        layer.set.layer = Some(0);
        assert_eq!(layer.settings(&[View::Attention]).layer, None, "the grid has all layers");
        assert_eq!(layer.settings(&[View::Attention, View::Head]).layer, Some(0));
    }

    #[test]
    fn attention_of_a_long_prompt_is_asked_for_of_the_chosen_layer() {
        let mut chosen = Chosen { one_layer: Some(3), ..Chosen::default() };
        assert_eq!(chosen.settings(&[View::Attention]).layer, Some(3));
        assert_eq!(chosen.settings(&[View::Tokens]).layer, None);
        let open = [View::Walk, View::Tokens, View::Attention];
        assert_eq!(chosen.together(&open), [View::Walk, View::Attention]);
        chosen.set.layer = Some(1);
        assert_eq!(chosen.settings(&[View::Attention]).layer, Some(1));
        chosen.another_prompt();
        assert_eq!(chosen.settings(&[View::Attention]).layer, None, "it may be a short one");
        assert_eq!(chosen.together(&open), [View::Walk]);
    }

    #[test]
    fn patches_wait_for_the_other_prompt_and_go_with_the_first() {
        let (head, patch) =
            (Edit::Head { layer: 0, head: 1, factor: 0.0 }, Edit::Patch { layer: 1, position: 7 });
        let mut chosen = Chosen::default();
        chosen.set.edits = vec![head, patch];
        assert_eq!(chosen.settings(&[View::WhatIf]).edits, [head]);
        chosen.set.other_prompt = "Twice".to_owned();
        assert_eq!(chosen.settings(&[View::WhatIf]).edits, [head, patch]);
        chosen.another_prompt();
        assert_eq!(chosen.set.edits, [head], "the position was one of the prompt before");
    }

    #[test]
    fn views_of_one_layer_and_views_of_all_are_asked_for_apart_and_slow_ones_alone() {
        let chosen = Chosen::default();
        let all = [View::Walk, View::Tokens, View::Attention, View::Head, View::Provenance];
        assert_eq!(chosen.together(&all), [View::Walk, View::Head]);
        assert_eq!(chosen.together(&all[1..]), [View::Tokens, View::Attention]);
        assert_eq!(chosen.together(&all[4..]), [View::Provenance]);
        assert_eq!(chosen.together(&[]), []);
    }
}
