//! Comparison of the project's tokenizer with others by bytes per token on the project's text.

use super::*;

pub fn compression_ui(ui: &mut Ui, context: &mut Context<'_>) {
    let state = context.state;
    let Some(summary) = &state.tokenizer.summary else { return };
    let palette = context.palette;
    card(ui, |ui| {
        let comparing = state.is_waiting(|command| matches!(command, Command::CompareTokenizers { .. }));
        let rows = &state.tokenizer.compression;
        let compare = line_ui(
            ui,
            |ui| pressed(ui, !comparing, |ui| plain(ui, None, "Compare")),
            |ui| head(ui, "Bytes per token"),
        );
        if compare {
            context.outbox.send(Command::CompareTokenizers { candidates: alternatives(&summary.config) });
        }
        let own = CompressionSummary {
            name: full_name(&summary.config),
            vocabulary: summary.vocabulary,
            bytes_per_token: summary.bytes_per_token,
            current: true,
        };
        let rows = if rows.is_empty() { std::slice::from_ref(&own) } else { rows.as_slice() };
        let bar = |row: &CompressionSummary| {
            let label = if row.current { format!("{} (yours)", row.name) } else { row.name.clone() };
            let entries = format::whole(row.vocabulary as u64);
            let hover = format!("{:.4} bytes per token with {entries} entries", row.bytes_per_token);
            let colour =
                if row.current { palette.accent } else { theme::mix(palette.raised, palette.quiet, 0.6) };
            Ranked::bar(label, row.bytes_per_token, colour, format!("{:.2}", row.bytes_per_token), hover)
        };
        bar_rows(ui, &rows.iter().map(bar).collect::<Vec<_>>());
        let line = if comparing {
            "Training the other tokenizers on a part of the text…".to_owned()
        } else {
            let unused = format::whole(summary.unused as u64);
            format!("More bytes per token mean shorter sequences. {unused} vocabulary entries are unused.")
        };
        caption(ui, line);
    });
}

/// The untrained kinds, BPE of the project's and of twice its size, and the other trained kinds; without the project's own
/// tokenizer.
fn alternatives(own: &TokenizerConfig) -> Vec<TokenizerConfig> {
    let size = if own.vocabulary == 0 { 1024 } else { own.vocabulary };
    let sizes = |kind: TokenizerKind| match kind {
        TokenizerKind::Bpe => vec![(kind, size), (kind, size * 2)],
        kind if kind.is_trained() => vec![(kind, size)],
        kind => vec![(kind, 0)],
    };
    TokenizerKind::ALL
        .into_iter()
        .flat_map(sizes)
        .map(|(kind, vocabulary)| TokenizerConfig { kind, vocabulary, ..own.clone() })
        .filter(|other| other.kind != own.kind || own.kind.is_trained() && other.vocabulary != own.vocabulary)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tokenizer_is_not_compared_with_itself() {
        let own = TokenizerConfig::new(TokenizerKind::Bpe, 1024);
        assert!(alternatives(&own).iter().all(|other| *other != own));
        assert_eq!(alternatives(&own).len(), 5);
        let byte = TokenizerConfig { kind: TokenizerKind::Byte, ..own };
        assert!(alternatives(&byte).iter().all(|other| other.kind != TokenizerKind::Byte));
    }
}
