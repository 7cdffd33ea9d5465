use super::*;

fn text(letters: usize) -> Text {
    let token = |text: &str| WrittenToken { id: 1, text: text.to_owned() };
    let words = "Mia found a shiny key under the old apple tree and asked her mum what it was for.\nMaybe for a door. ";
    let written: String = words.chars().cycle().take(letters).collect();
    Text {
        prompt: "Once".to_owned(),
        prompt_tokens: vec![token("On"), token("ce")],
        tokens: written.split_inclusive(' ').map(token).collect(),
        ..Text::default()
    }
}

#[test]
fn blocks_are_one_text_in_its_order_and_height() {
    drawn(|ui| {
        let text = text(30_000);
        let mut paper = Paper::default();
        paper.take(ui, 1, &text, 500.0);
        assert!(paper.blocks.len() > 5, "{} blocks", paper.blocks.len());
        let whole: String = all_tokens(&text).map(|token| token.text.as_str()).collect();
        assert_eq!(paper.text(), whole);
        let joined: String = paper.blocks.iter().map(|block| &whole[block.bytes.clone()]).collect();
        assert_eq!(joined, whole);
        let at_once = paper.galley(ui, &(0..whole.len()), Color32::BLACK, Color32::BLACK);
        let (height, expected) = (paper.height(), at_once.size().y);
        assert!((height - expected).abs() < 1.0, "{height} and {expected}");
        let rows: usize = paper.blocks.iter().map(|block| (block.height / LINE).round() as usize).sum();
        assert_eq!(rows, at_once.rows.len());
    });
}

#[test]
fn a_text_that_grows_is_the_text_that_came_at_once() {
    drawn(|ui| {
        let whole = text(12_000);
        let mut growing = text(0);
        let mut paper = Paper::default();
        for token in &whole.tokens {
            growing.tokens.push(token.clone());
            if growing.tokens.len().is_multiple_of(37) {
                paper.take(ui, 1, &growing, 500.0);
            }
        }
        paper.take(ui, 1, &growing, 500.0);
        let mut at_once = Paper::default();
        at_once.take(ui, 1, &whole, 500.0);
        assert_eq!(
            (paper.text(), paper.height(), paper.count()),
            (at_once.text(), at_once.height(), at_once.count())
        );
        assert_eq!(paper.tokens, at_once.tokens);
    });
}

#[test]
fn every_token_is_found_where_it_stands() {
    drawn(|ui| {
        let palette = Palette::of(ui);
        let text = text(12_000);
        let mut paper = Paper::default();
        paper.take(ui, 1, &text, 500.0);
        for token in (0..paper.count()).step_by(7) {
            let rects = paper.rects(ui, palette, token);
            let first = rects.first().unwrap();
            let found = paper.token_at(ui, palette, first.left_center().to_vec2() + vec2(0.5, 0.0));
            assert_eq!(found, Some(token), "{:?} at {first:?}", all_tokens(&text).nth(token));
        }
    });
}

#[test]
fn another_text_or_width_begins_anew() {
    drawn(|ui| {
        let mut paper = Paper::default();
        paper.take(ui, 1, &text(9_000), 500.0);
        let tall = paper.height();
        paper.take(ui, 1, &text(9_000), 250.0);
        assert!(paper.height() > 1.5 * tall);
        paper.take(ui, 2, &text(40), 500.0);
        assert_eq!(paper.blocks.len(), 1);
        let unread = Text { prompt_tokens: Vec::new(), tokens: Vec::new(), ..text(0) };
        paper.take(ui, 3, &unread, 500.0);
        assert_eq!((paper.text(), paper.count()), ("Once", 0));
    });
}
