//! Token embeddings in two dimensions, and a token's nearest neighbours.

use super::linear::{Map, cosine};
use super::{Found, Subject};
use glasshouse_platform::{OrInternal, Result, Yielder};
use std::collections::BTreeSet;

/// Maximum tokens of a map.
const MAPPED: usize = 2048;

/// Rows compared between two yields.
const COMPARED: usize = 1024;

pub(super) async fn view(subject: &mut Subject<'_>) -> Result<Found> {
    let vocabulary = subject.lens.config().vocabulary;
    let (table, shape) =
        subject.lens.weight("embedding.tokens").or_internal("a model without an embedding of tokens")?;
    let width = shape.last().copied().unwrap_or(1);
    let yielder = Yielder::new();

    let here = subject.tokens.get(subject.position).copied().unwrap_or(0);
    let token = subject.settings.token.unwrap_or(here);
    let row = |id: u32| &table[id as usize * width..(id as usize + 1) * width];
    let mut near: Vec<(u32, f32)> = Vec::with_capacity(vocabulary);
    for id in 0..vocabulary as u32 {
        if id != token {
            near.push((id, cosine(row(token), row(id))));
        }
        if (id as usize).is_multiple_of(COMPARED) {
            yielder.maybe_yield().await;
        }
    }
    glasshouse_protocol::order::sort_by(&mut near, |a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    near.truncate(subject.settings.count);

    // The inspected tokens, filled up with the lowest ids.
    let looked_at = subject.tokens.iter().copied().chain([token]).chain(near.iter().map(|(id, _)| *id));
    let mut listed: BTreeSet<u32> = looked_at.take(MAPPED).collect();
    for id in 0..vocabulary as u32 {
        if listed.len() >= MAPPED {
            break;
        }
        listed.insert(id);
    }
    let ids: Vec<u32> = listed.into_iter().collect();

    let mut found = Found::default();
    let mut map = Map::new(rows_of(table, width, &ids), width, &yielder).await;
    match subject.reference {
        // Widths may differ, because the maps' points are aligned.
        Some((reference, width)) if width > 0 && reference.len() == vocabulary * width => {
            let other = Map::new(rows_of(reference, width, &ids), width, &yielder).await;
            map.align(&other);
        }
        Some(_) => {
            found.notice("The other weights have another vocabulary: the map is not aligned with theirs.");
        }
        None => {}
    }
    if ids.len() < vocabulary {
        found.notice(format!(
            "The map shows {} of {vocabulary} tokens: those of the prompt, the neighbours, and the lowest ids.",
            ids.len()
        ));
    }
    let detail = subject.tokens_of(ids.iter().copied().chain([token]));
    let scope = "embedding";
    found.floats("map", scope, &[("N", ids.len()), ("component", 2)], map.points.clone());
    found.floats("explained", scope, &[("component", 2)], map.explained().to_vec());
    found.ids("ids", scope, &[("N", ids.len())], ids);
    let (neighbours, cosines): (Vec<u32>, Vec<f32>) = near.into_iter().unzip();
    found.ids("neighbours", scope, &[("N", neighbours.len())], neighbours);
    found.floats("cosines", scope, &[("N", cosines.len())], cosines);
    found.ids("token", scope, &[("1", 1)], vec![token]);
    found.detail(detail);
    Ok(found)
}

/// Rows of a table [V, C], concatenated.
fn rows_of(table: &[f32], width: usize, ids: &[u32]) -> Vec<f32> {
    ids.iter().flat_map(|id| &table[*id as usize * width..(*id as usize + 1) * width]).copied().collect()
}
