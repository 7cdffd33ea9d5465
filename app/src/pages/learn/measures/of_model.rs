//! Measures of a model on a lesson's prompt.

use super::*;

fn largest(values: &[f32]) -> Option<(usize, f32)> {
    values.iter().copied().enumerate().max_by(|(_, left), (_, right)| left.total_cmp(right))
}

/// A prompt token in quotes, with whitespace made visible.
fn token(answer: &InspectionAnswer, place: usize) -> String {
    let token = answer.inspection.tokens.get(place);
    token.map_or_else(|| format!("token {place}"), |token| format!("“{}”", visible(&token.text)))
}

pub fn nearest_cosine(answer: &InspectionAnswer, data: &ViewData, _: Option<usize>) -> Option<Found> {
    let place = answer.inspection.position;
    let own = answer.settings.token.or_else(|| Some(answer.inspection.tokens.get(place)?.id));
    let pairs = data.integers("neighbours").iter().zip(data.floats("cosines"));
    // A token is its own nearest neighbour.
    let (id, cosine) =
        pairs.filter(|(id, _)| Some(**id) != own).max_by(|(_, left), (_, right)| left.total_cmp(right))?;
    let neighbour = data.text_of(*id).map_or_else(|| format!("#{id}"), |text| format!("“{}”", visible(text)));
    let own = token(answer, place);
    let sentence = format!("The nearest neighbour of {own} is {neighbour}, with a cosine of {cosine:.3}.");
    Some((f64::from(*cosine), sentence))
}

pub fn attention_peak(answer: &InspectionAnswer, data: &ViewData, _: Option<usize>) -> Option<Found> {
    let position = answer.inspection.position;
    let row = data.tensor("probabilities")?.at(&[position]);
    let (place, peak) = largest(row)?;
    let (from, to) = (token(answer, position), token(answer, place));
    let share = format::percent(f64::from(peak));
    let sentence =
        format!("{from} at position {position} attends most to {to} at position {place}: {share}.");
    Some((f64::from(peak), sentence))
}

pub fn previous_token_score(_: &InspectionAnswer, data: &ViewData, _: Option<usize>) -> Option<Found> {
    best_head(data, 0, "to the previous token")
}

pub fn induction_score(_: &InspectionAnswer, data: &ViewData, _: Option<usize>) -> Option<Found> {
    best_head(data, 3, "to the token after an earlier equal one")
}

/// The head with the highest score of a kind; kinds are the last axis.
fn best_head(data: &ViewData, kind: usize, what: &str) -> Option<Found> {
    let scores: &Tensor = data.tensor("scores")?;
    let (layers, heads) = (scores.size(0), scores.size(1));
    let all = (0..layers).flat_map(|layer| (0..heads).map(move |head| (layer, head)));
    let scored = all.filter_map(|(layer, head)| Some((layer, head, *scores.at(&[layer, head]).get(kind)?)));
    let (layer, head, score) = scored.max_by(|left, right| left.2.total_cmp(&right.2))?;
    let share = format::percent(f64::from(score));
    let sentence =
        format!("Head {head} of layer {layer} has the highest mean: {share} of its attention goes {what}.");
    Some((f64::from(score), sentence))
}

pub fn mlp_over_head(_: &InspectionAnswer, data: &ViewData, _: Option<usize>) -> Option<Found> {
    let heads = data.tensor("heads")?;
    let (place, head) = largest(&heads.floats)?;
    let (layer, mlp) = largest(data.floats("mlps"))?;
    let (of, number) = (place / heads.size(1).max(1), place % heads.size(1).max(1));
    if head <= 0.0 {
        return None;
    }
    let ratio = f64::from(mlp) / f64::from(head);
    let sentence = format!(
        "Without the MLP of layer {layer} the distribution changes by {mlp:.3} bits, without head {number} of layer {of} by {head:.3} bits: \
         a ratio of {ratio:.2}."
    );
    Some((ratio, sentence))
}

pub fn residual_growth(answer: &InspectionAnswer, data: &ViewData, _: Option<usize>) -> Option<Found> {
    let norms = data.tensor("norms")?;
    let position = answer.inspection.position;
    let last_stage = norms.size(0).checked_sub(1)?;
    let [first] = norms.at(&[0, position]) else { return None };
    let [last] = norms.at(&[last_stage, position]) else { return None };
    let growth = f64::from(*last) / f64::from(*first);
    let sentence = format!(
        "At {} the stream's norm is {first:.2} at the embedding and {last:.2} after the last block: {growth:.2} times as large.",
        token(answer, position)
    );
    Some((growth, sentence))
}

pub fn first_leading_layer(answer: &InspectionAnswer, data: &ViewData, _: Option<usize>) -> Option<Found> {
    let top = data.tensor("top")?;
    let (stages, positions) = (top.size(0), top.size(1));
    let position = answer.inspection.position;
    let at = |stage: usize| top.integers.get(stage * positions + position).copied();
    let winner = at(stages.checked_sub(1)?)?;
    let leads = (0..stages).rev().take_while(|stage| at(*stage) == Some(winner)).last()?;
    let text =
        data.text_of(winner).map_or_else(|| format!("#{winner}"), |text| format!("“{}”", visible(text)));
    let sentence =
        format!("{text} is the final prediction, and leads for good after {leads} of {} layers.", stages - 1);
    Some((leads as f64, sentence))
}

pub fn tokens_kept(answer: &InspectionAnswer, data: &ViewData, _: Option<usize>) -> Option<Found> {
    let [kept] = data.integers("kept") else { return None };
    let sampling = &answer.settings.sampling;
    let (temperature, top_p) = (sampling.temperature, sampling.top_p);
    let left = if *kept == 1 { "1 token".to_owned() } else { format!("{kept} tokens") };
    let sentence =
        format!("With temperature {temperature} and top-p {top_p}, {left} of the vocabulary remain.");
    Some((f64::from(*kept), sentence))
}

pub fn top_probability_ratio(answer: &InspectionAnswer, data: &ViewData, _: Option<usize>) -> Option<Found> {
    let (_, before) = largest(data.floats("probability"))?;
    let (_, after) = largest(data.floats("tempered"))?;
    let ratio = f64::from(after) / f64::from(before);
    let [before, after] = [before, after].map(|share| format::percent(f64::from(share)));
    let temperature = answer.settings.sampling.temperature;
    let sentence = format!(
        "The most likely token has {before} without a temperature and {after} at temperature {temperature}: {ratio:.2} times as much."
    );
    Some((ratio, sentence))
}

pub fn surprise_share(_: &InspectionAnswer, data: &ViewData, vocabulary: Option<usize>) -> Option<Found> {
    // The first token has no context.
    let surprise = data.floats("surprise").get(1..).filter(|rest| !rest.is_empty())?;
    let mean = surprise.iter().map(|bits| f64::from(*bits)).sum::<f64>() / surprise.len() as f64;
    let even = (vocabulary.filter(|size| *size > 1)? as f64).log2();
    let share = mean / even;
    let sentence = format!(
        "The tokens have a mean surprise of {mean:.2} bits; a uniform guess has {even:.2} bits: {share:.2} of that."
    );
    Some((share, sentence))
}

pub fn longest_match(_: &InspectionAnswer, data: &ViewData, _: Option<usize>) -> Option<Found> {
    let length = matches(data)?.iter().map(|found| found.length).max().unwrap_or(0);
    let sentence = format!("The longest span that occurs in the training text has {length} tokens.");
    Some((length as f64, sentence))
}

pub fn pattern_recall(known: &Dictionaries) -> Option<(Found, &String)> {
    let found = known.list.as_ref()?;
    let recalls: Vec<f64> =
        found.features.iter().filter_map(|own| Some(own.pattern.as_ref()?.recall)).collect();
    if recalls.is_empty() {
        return None;
    }
    let mean = recalls.iter().sum::<f64>() / recalls.len() as f64;
    let (features, share) = (format::counted(recalls.len() as u64, "feature"), format::percent(mean));
    let sentence =
        format!("Of {features} at {}, the pattern explains {share} of the activations on average.", found.at);
    Some(((mean, sentence), &found.run))
}

pub fn error_share(known: &Dictionaries) -> Option<(Found, &String)> {
    let found = known.graph.as_ref()?;
    let (token, share) = (visible(&found.token.text), format::percent(found.errors));
    let sentence = format!("For the next token “{token}”, {share} of the paths begin in errors.");
    Some(((found.errors, sentence), &found.run))
}
