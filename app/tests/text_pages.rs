//! The pages Data, Tokenizer, Model and Write in the real application, with a scripted engine.

use crate::support::engine::{self, Engine};
use crate::support::scene::Scene;
use egui::{Key, accesskit::Role};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::pages::PageName;
use glasshouse_protocol::setting::Setting;
use glasshouse_protocol::{Command, DocumentsChange, ModerationMode, WeightSource};

const WIDE: [f32; 2] = [1280.0, 860.0];
const PHONE: [f32; 2] = [420.0, 860.0];
const PAGES: [PageName; 4] = [PageName::Data, PageName::Tokenizer, PageName::Model, PageName::Write];

fn wide(engine: Engine, page: PageName) -> Scene {
    Scene::new(engine, page, WIDE, "dark")
}

#[test]
fn typing_asks_for_tokens_once_when_it_has_rested() {
    let mut scene = wide(Engine::full(), PageName::Tokenizer);
    let before = scene.sent_of(|command| matches!(command, Command::Tokenize { .. })).len();
    let field = scene.harness.get_by_label("Text to tokenize");
    field.focus();
    scene.frame();
    for letter in [" a", " b", " c"] {
        scene.harness.get_by_label("Text to tokenize").type_text(letter);
        scene.frame();
    }
    scene.settle();
    let sent = scene.sent_of(|command| matches!(command, Command::Tokenize { .. }));
    let [Command::Tokenize { text }] = sent.get(before..).unwrap() else { panic!("sent {sent:?}") };
    assert!(text.contains(" a b c"), "{text}");
}

#[test]
fn a_changed_setting_is_planned_and_a_broken_rule_stands_beside_it() {
    let mut scene = wide(Engine::full(), PageName::Model);
    let plans = |scene: &mut Scene| scene.sent_of(|command| matches!(command, Command::Plan { .. }));
    let before = plans(&mut scene).len();
    scene.click("Attention and positions");
    assert_eq!(plans(&mut scene).len(), before, "opening a fold changes no setting");
    scene.set(Role::SpinButton, "Heads", 3.0);
    scene.picture("model-broken");
    assert!(scene.says("must be a multiple of model.kv_heads"));
    scene.set(Role::SpinButton, "Heads", 8.0);
    assert_eq!(scene.planned().model.heads, 8);
    assert!(!scene.says("must be a multiple"));
}

#[test]
fn the_titles_of_the_models_settings_are_those_of_the_table() {
    let mut scene = wide(Engine::full(), PageName::Model);
    for group in ["model attention", "model mlp", "model norm", "model beginning"] {
        scene.harness.state_mut().preferences().folds.insert(group.to_owned(), true);
    }
    scene.settle();
    for path in [
        "model.layers",
        "model.attention_scale",
        "model.attention_softcap",
        "model.qk_norm",
        "model.mlp.gate",
        "model.norm.eps",
        "model.logit_softcap",
        "model.bias.head",
        "model.dropout.residual",
        "model.init.scale_residual",
        "train.accumulate",
    ] {
        let title = Setting::at(path).unwrap().title;
        assert!(scene.says(title), "{title}");
    }
}

#[test]
fn settings_that_fit_are_shown_applied_and_undone() {
    let mut scene = wide(Engine::full(), PageName::Model);
    scene.click("Fit to my device");
    scene.click("Apply");
    assert_eq!(scene.planned().train.batch_size, 4);
    scene.click("Undo");
    assert_eq!(scene.planned().train.batch_size, 6);
}

#[test]
fn enter_writes_and_an_arrow_key_asks_about_a_token_with_those_before_it() {
    let mut scene = wide(Engine::full(), PageName::Write);
    scene.harness.get_by_label("Prompt").focus();
    scene.frame();
    scene.harness.key_press(Key::Enter);
    scene.settle();
    let sent = scene.sent_of(|command| matches!(command, Command::Generate { .. }));
    let [Command::Generate { source: WeightSource::Current, prompt, .. }] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!(*prompt, "Once upon a time".into());
    scene.harness.get_by_label_contains("Text of the first column").focus();
    scene.settle();
    // The first arrow key selects the first generated token, the next one the second.
    scene.harness.key_press(Key::ArrowRight);
    scene.frame();
    scene.harness.key_press(Key::ArrowRight);
    scene.settle();
    scene.picture("write-explained");
    let heads = scene.harness.query_all_by_label("model → drawn").count();
    assert_eq!(heads, 1, "what the figures are is said once above them");
    let before = engine::tokens("Once upon a time");
    let written = engine::tokens(" there was a little fox named Mia.");
    let sent = scene.sent_of(|command| matches!(command, Command::Explain { .. }));
    let Some(Command::Explain { tokens, chosen, .. }) = sent.last() else { panic!("an explanation") };
    let wanted: Vec<u32> =
        before.iter().chain(&written).take(before.len() + 1).map(|token| token.id).collect();
    assert_eq!(tokens, &wanted);
    assert_eq!(*chosen, Some(written[1].id));
    // The run is named instead of "latest", since another may be the latest later.
    assert!(scene.harness.query_all_by_label("2-first-stories, best checkpoint").count() > 0);
    // An alternative continues from there.
    scene.harness.get_by_label_contains("Continue with ·fox").click();
    scene.settle();
    let sent = scene.sent_of(|command| matches!(command, Command::Generate { .. }));
    let Some(Command::Generate { prompt, .. }) = sent.last() else { panic!("a text") };
    assert_eq!(*prompt, format!("Once upon a time{} fox", written[0].text).as_str().into());
}

#[test]
fn what_stands_beside_the_head_of_a_fold_is_read_out_and_whether_it_is_open() {
    let mut scene = wide(Engine::full(), PageName::Lab);
    for open in [false, true] {
        let head = scene.harness.get_by_role_and_label(Role::DisclosureTriangle, "As a file");
        let node = head.accesskit_node();
        assert_eq!(node.description().as_deref(), Some("TOML"));
        assert_eq!((node.data().is_expanded(), node.toggled()), (Some(open), None));
        head.click_accesskit();
        scene.settle();
    }
}

#[test]
fn what_is_written_is_moderated_as_on_chat() {
    let mut scene = Scene::new(Engine::full(), PageName::Write, [1280.0, 1600.0], "dark");
    scene.press_last("Write");
    assert!(!scene.says("Moderation "));
    scene.harness.get_by_role_and_label(Role::ComboBox, "Moderation").click_accesskit();
    scene.settle();
    scene.harness.get_by_label("Replace").click_accesskit();
    scene.settle();
    scene.harness.get_all_by_label("Write").last().unwrap().click_accesskit();
    scene.settle();
    scene.picture("write-moderated");
    let sent = scene.sent_of(|command| matches!(command, Command::Generate { .. }));
    let modes = sent.iter().map(|command| match command {
        Command::Generate { config, .. } => config.moderation.mode,
        other => panic!("{other:?}"),
    });
    assert_eq!(modes.collect::<Vec<_>>(), [ModerationMode::Off, ModerationMode::Replace]);
    assert_eq!(scene.harness.state_mut().preferences().moderation.mode, ModerationMode::Replace);
    assert!(scene.harness.query_by_label("Moderation replaced: 2 profanity, 1 self harm.").is_some());
    let text = scene.harness.get_by_label_contains("Text of the first column");
    let shown = text.accesskit_node().value().unwrap();
    assert!(shown.contains("██████ fox"), "{shown}");

    // The candidates would reveal hidden words.
    scene.harness.get_by_label_contains("Text of the first column").focus();
    scene.settle();
    scene.harness.key_press(Key::ArrowRight);
    scene.settle();
    assert!(scene.says("Moderation hides words here"));
    assert!(scene.sent_of(|command| matches!(command, Command::Explain { .. })).is_empty());
}

#[test]
fn a_click_on_a_token_asks_about_it() {
    let mut scene = wide(Engine::full(), PageName::Write);
    scene.press_last("Write");
    let text = scene.harness.get_by_label_contains("Text of the first column").rect();
    // The first line's beginning: the prompt's first letters.
    let at = text.left_top() + egui::vec2(60.0, 13.0);
    scene.harness.hover_at(at);
    scene.harness.drag_at(at);
    scene.harness.drop_at(at);
    scene.settle();
    let sent = scene.sent_of(|command| matches!(command, Command::Explain { .. }));
    let [Command::Explain { tokens, chosen, .. }] = sent.as_slice() else { panic!("{sent:?}") };
    let prompt = engine::tokens("Once upon a time");
    let place = tokens.len();
    assert!(place > 0 && place < prompt.len(), "{place}");
    assert_eq!(*chosen, Some(prompt[place].id));
}

#[test]
fn two_columns_write_with_one_seed() {
    let mut scene = wide(Engine::full(), PageName::Write);
    scene.click("Compare");
    scene.set(Role::Slider, "Temperature", 1.4);
    scene.press_last("Write");
    scene.picture("write-compare");
    let sent = scene.sent_of(|command| matches!(command, Command::Generate { .. }));
    let [Command::Generate { config: left, .. }, Command::Generate { config: right, .. }] = sent.as_slice()
    else {
        panic!("{sent:?}")
    };
    assert_eq!(left.seed, right.seed);
    assert_eq!((left.temperature, right.temperature), (0.8, 1.4));
}

#[test]
fn a_removed_file_comes_back_within_ten_seconds_and_goes_after_them() {
    let mut scene = wide(Engine::full(), PageName::Data);
    let removed = |scene: &mut Scene| {
        scene
            .sent_of(|command| matches!(command, Command::ChangeDocuments(DocumentsChange::Remove { .. })))
            .len()
    };
    assert!(scene.says("fine-tuning rows · ") && scene.says("text · "), "what each file is for");
    scene.click("Remove forest tales.txt");
    scene.harness.get_by_label("Undo").click();
    for _ in 0..12 {
        scene.settle();
    }
    assert_eq!(removed(&mut scene), 0);
    scene.harness.get_by_label("Remove forest tales.txt").click();
    for _ in 0..12 {
        scene.settle();
    }
    assert_eq!(removed(&mut scene), 1);
    // It can be cancelled from another page, too.
    for called_off in [true, false] {
        let mut scene = wide(Engine::full(), PageName::Data);
        scene.click("Remove forest tales.txt");
        scene.harness.state_mut().open(PageName::Model);
        for _ in 0..5 {
            scene.settle();
        }
        assert_eq!(removed(&mut scene), 0);
        if called_off {
            scene.harness.get_by_label("Undo").click();
        }
        for _ in 0..7 {
            scene.settle();
        }
        assert_eq!(removed(&mut scene), usize::from(!called_off));
        assert!(scene.harness.query_by_label("Undo").is_none());
    }
}

#[test]
fn a_removal_is_carried_out_before_the_text_is_used() {
    let mut scene = wide(Engine::full(), PageName::Data);
    scene.click("Remove forest tales.txt");
    scene.open(PageName::Tokenizer);
    scene.click("Characters");
    scene.click("Train again");
    let sent = scene.sent_of(|command| {
        matches!(
            command,
            Command::ChangeDocuments(DocumentsChange::Remove { .. }) | Command::TrainTokenizer { .. }
        )
    });
    assert!(
        matches!(
            sent.as_slice(),
            [Command::ChangeDocuments(DocumentsChange::Remove { .. }), Command::TrainTokenizer { .. }]
        ),
        "{sent:?}"
    );
}

#[test]
fn a_changed_draft_is_kept_once_it_rests() {
    let mut scene = wide(Engine::full(), PageName::Model);
    let kept = |scene: &mut Scene| scene.sent_of(|command| matches!(command, Command::SaveDrafts { .. }));
    scene.settle();
    assert_eq!(kept(&mut scene), [], "nothing was changed");
    scene.click("Attention and positions");
    for heads in [2.0, 8.0] {
        scene.harness.get_by_role_and_label(Role::SpinButton, "Heads").set_value_accesskit(heads);
        scene.frame();
        scene.frame();
    }
    assert_eq!(kept(&mut scene), [], "it has not rested");
    scene.settle();
    let [Command::SaveDrafts { drafts }] = &kept(&mut scene)[..] else { panic!("kept once") };
    let config = &drafts.train;
    assert_eq!(config.model.heads, 8);
}

#[test]
fn a_search_lists_once_lights_what_was_found_and_a_document_opens() {
    let mut scene = wide(Engine::full(), PageName::Data);
    scene.harness.get_by_label("Search the text").focus();
    scene.frame();
    for letter in ["o", "w", "l"] {
        scene.harness.get_by_label("Search the text").type_text(letter);
        scene.frame();
    }
    scene.settle();
    let searches = scene
        .sent_of(|command| matches!(command, Command::ListDocuments { search, .. } if !search.is_empty()));
    let [Command::ListDocuments { search, count: 50, .. }] = searches.as_slice() else {
        panic!("{searches:?}")
    };
    assert_eq!(search, "owl");
    scene.harness.get_all_by_label_contains("Document 4:").next().unwrap().click_accesskit();
    scene.settle();
    scene.picture("data-search");
    assert!(scene.sent_of(|command| matches!(command, Command::ReadDocument { number: 3 })).len() == 1);
    assert!(scene.harness.query_by_label("Match 1 of 4").is_some());
    scene.click("Next match");
    assert!(scene.harness.query_by_label("Match 2 of 4").is_some());
}

#[test]
fn pasted_text_becomes_a_document() {
    let mut scene = wide(Engine::fresh(), PageName::Data);
    scene.click("Paste text");
    scene.harness.get_by_label("Text of the document").focus();
    scene.frame();
    scene.harness.get_by_label("Text of the document").type_text("A tale of mine.");
    scene.settle();
    scene.picture("data-paste");
    scene.click("Add document");
    let sent =
        scene.sent_of(|command| matches!(command, Command::ChangeDocuments(DocumentsChange::Add { .. })));
    let [Command::ChangeDocuments(DocumentsChange::Add { names })] = sent.as_slice() else {
        panic!("{sent:?}")
    };
    assert_eq!(names, &["pasted.txt"]);
}

#[test]
fn the_replay_steps_back_and_joins_again() {
    let mut scene = wide(Engine::full(), PageName::Tokenizer);
    let pieces = |scene: &Scene| scene.harness.get_all_by_label_contains("piece ").count();
    let joined = pieces(&scene);
    scene.click("One merge back");
    let apart = pieces(&scene);
    assert!(apart > joined, "{apart} and {joined}");
    scene.click("One merge on");
    assert_eq!(pieces(&scene), joined);
}

#[test]
fn the_whole_of_each_page_fits_phones_and_windows() {
    let sizes = [([420.0, 3000.0], "light"), ([760.0, 860.0], "dark"), (WIDE, "light")];
    for (page, (size, theme)) in PAGES.into_iter().flat_map(|page| sizes.map(|size| (page, size))) {
        let mut scene = Scene::new(Engine::full(), page, size, theme);
        if page == PageName::Write {
            scene.press_last("Write");
            scene.harness.get_by_label_contains("Text of the first column").focus();
            scene.settle();
            scene.harness.key_press(Key::ArrowRight);
            scene.settle();
        }
        scene.picture(&format!("{}-{}-{theme}", page.key(), size[0]));
        scene.check_edges();
    }
}

#[test]
fn answers_of_an_older_tokenizer_and_of_removed_files_are_asked_for_again() {
    let mut scene = wide(Engine::full(), PageName::Tokenizer);
    let asked =
        |scene: &mut Scene| scene.sent_of(|command| matches!(command, Command::Tokenize { .. })).len();
    let before = asked(&mut scene);
    scene.click("Characters");
    // Training starts and ends within one frame.
    scene.click("Train again");
    assert_eq!(asked(&mut scene), before + 1);
    scene.open(PageName::Data);
    scene.harness.get_all_by_label_contains("Document 4:").next().unwrap().click_accesskit();
    scene.settle();
    assert!(scene.harness.query_by_label("Document 4").is_some());
    scene.harness.get_by_label("Remove forest tales.txt").click();
    for _ in 0..12 {
        scene.settle();
    }
    assert!(scene.harness.query_by_label("Document 4").is_none());
    assert!(scene.says("built-in stories are used"));
    scene.open(PageName::Tokenizer);
    assert!(scene.says("The text has changed.") && !scene.is_disabled("Train again"));
    scene.click("Train again");
    assert!(scene.says("This is the project's tokenizer."));
}

#[test]
fn the_list_of_presets_says_what_each_is() {
    let mut scene = Scene::with_preset(Engine::full(), PageName::Model, WIDE, "light", Some("nanogpt-cpu"));
    let presets = &*glasshouse_protocol::presets::PRESETS;
    let says = |scene: &Scene, sentence| scene.harness.query_by_label(sentence).is_some();
    let (_, own) = presets.iter().find(|(name, _)| *name == "nanogpt-cpu").unwrap();
    assert!(says(&scene, own), "the chosen preset says what it is");
    scene.harness.get_by_role_and_label(Role::ComboBox, "Preset").click();
    scene.settle();
    for (name, sentence) in presets {
        let entry = format!("{name}: {sentence}");
        assert!(scene.harness.query_by_role_and_label(Role::Button, &entry).is_some(), "{entry}");
    }
    // The description is clickable, too.
    let (name, sentence) = presets[0];
    let label = format!("{name}: {sentence}");
    let entry = scene.harness.get_by_role_and_label(Role::Button, &label);
    let place = entry.rect();
    assert!(place.height() > 36.0, "{place:?} is the name alone");
    entry.click();
    scene.settle();
    assert!(says(&scene, sentence), "it was not chosen");
    // Without the pointer, too, a choice closes the list.
    let (name, sentence) = presets[1];
    scene.press_role(Role::ComboBox, "Preset");
    scene.press(&format!("{name}: {sentence}"));
    assert!(says(&scene, sentence));
    assert!(scene.harness.query_by_label(&label).is_none(), "the list is open");
}

#[test]
fn a_preset_keeps_the_projects_tokenizer_and_says_when_it_was_changed() {
    let mut scene = wide(Engine::full(), PageName::Model);
    let before = scene.planned();
    scene.harness.get_by_role_and_label(Role::ComboBox, "Preset").click();
    scene.settle();
    scene.harness.get_all_by_label_contains("nanogpt-cpu: ").next().unwrap().click();
    scene.settle();
    let after = scene.planned();
    assert_eq!((after.preset.as_str(), &after.tokenizer), ("nanogpt-cpu", &before.tokenizer));
    assert_eq!(after.model.vocabulary, before.model.vocabulary);
    assert!(scene.says("The project's tokenizer stays"));
    scene.set(Role::SpinButton, "Layers", 2.0);
    scene.open(PageName::Train);
    scene.press("New run");
    assert!(scene.says("nanogpt-cpu, modified"));
    assert!(scene.says("layers 2 · nanogpt-cpu"), "its name begins with what differs");
    scene.press("Start");
    let (config, launch) = scene.started();
    assert_eq!((config.model.layers, launch.title.as_deref()), (2, Some("layers 2 · nanogpt-cpu")));
}

#[test]
fn every_preset_is_drawn_within_the_edges() {
    for (preset, _) in glasshouse_protocol::presets::PRESETS.iter() {
        for (size, theme) in [(WIDE, "light"), (PHONE, "dark")] {
            let mut scene = Scene::with_preset(Engine::full(), PageName::Model, size, theme, Some(preset));
            scene.picture(&format!("preset-{preset}-{}", size[0]));
            scene.check_edges();
            assert!(scene.says("Embedding, "));
        }
    }
}
