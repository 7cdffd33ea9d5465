//! The Chat and Tune pages in the real application, with a scripted engine: a conversation, feedback on it, and training on the
//! feedback.

use crate::support::engine::Engine;
use crate::support::scene::Scene;
use crate::support::{self, answer, run};
use egui::{Key, accesskit::Role};
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use glasshouse::link::{Answer, Chosen, Wish};
use glasshouse::pages::PageName;
use glasshouse_protocol::config::{Category, RewardRule};
use glasshouse_protocol::{
    Adapter, ChatMessage, Command, DocumentsChange, Event, Feedback, FeedbackKind, LearnsFrom, Moderation,
    ModerationMode, Objective, ProjectSummary, Prompt, Role as Speaker, RunChange, RunState, RunSummary,
    Severity, Uncertainty, WeightSource, answer,
};

const WIDE: [f32; 2] = [1280.0, 900.0];
const PHONE: [f32; 2] = [390.0, 844.0];

fn wide(engine: Engine, page: PageName) -> Scene {
    Scene::new(engine, page, WIDE, "dark")
}

/// Sends a message with the keyboard.
fn say(scene: &mut Scene, text: &str) {
    scene.type_into("Message", text);
    scene.harness.key_press(Key::Enter);
    scene.settle();
}

/// Sends a message with the button, as on a phone.
fn send(scene: &mut Scene, text: &str) {
    scene.type_into("Message", text);
    scene.press("Send");
}

fn message(scene: &Scene) -> Option<String> {
    scene.harness.get_by_label("Message").accesskit_node().value()
}

/// Appends to the first reply, and stores the result as an improved one.
fn improve(scene: &mut Scene, text: &str) {
    scene.press("Write a better reply 1");
    scene.type_into("Better reply 1", text);
    scene.press("Keep reply 1");
}

/// The conversations for which replies were requested, and their seeds.
fn asked(scene: &mut Scene) -> Vec<(Vec<ChatMessage>, u64)> {
    let sent = scene.sent_of(|command| matches!(command, Command::Generate { .. }));
    let replies = sent.into_iter().map(|command| match command {
        Command::Generate { prompt: Prompt::Messages { messages, .. }, config, .. } => {
            (messages, config.seed)
        }
        other => panic!("{other:?}"),
    });
    replies.collect()
}

fn kinds(scene: &Scene) -> Vec<FeedbackKind> {
    scene.engine.feedback.iter().map(|row| row.kind().unwrap()).collect()
}

#[test]
fn a_conversation_goes_on_and_is_cut_where_a_message_is_said_in_other_words() {
    let mut scene = wide(Engine::full(), PageName::Chat);
    assert!(scene.harness.query_by_label("2-first-stories · ChatML template").is_some());
    scene.harness.get_by_role_and_label(Role::MultilineTextInput, "System prompt").focus();
    scene.frame();
    scene.harness.get_by_role_and_label(Role::MultilineTextInput, "System prompt").type_text("Be brief.");
    scene.frame();
    say(&mut scene, "Who was it?");
    say(&mut scene, "And where?");
    scene.picture("chat");
    let conversations = asked(&mut scene);
    let [(first, one), (second, other)] = conversations.as_slice() else { panic!("{conversations:?}") };
    let said = |messages: &[ChatMessage]| messages.iter().map(|said| said.role).collect::<Vec<_>>();
    use Speaker::{Assistant, System, User};
    assert_eq!(said(first), [System, User]);
    assert_eq!(said(second), [System, User, Assistant, User]);
    assert_ne!(one, other, "a reply has a seed of its own");
    assert_eq!(
        second[2].content,
        format!("It was Mia, who lives at house {one} at the edge of the quiet forest.")
    );
    assert!(scene.says("messages were left out"));

    // It survives a visit to another page.
    scene.open(PageName::Write);
    scene.open(PageName::Chat);
    scene.press("Edit message 1");
    scene.type_into("Message 1", " Tell.");
    assert!(scene.is_disabled("Edit message 2"), "one at a time, so that no text is lost");
    scene.press("Send again message 1");
    let conversations = asked(&mut scene);
    assert_eq!(conversations.len(), 3);
    assert_eq!(said(&conversations[2].0), [System, User]);
    assert!(conversations[2].0[1].content.contains("Tell."));
    assert!(scene.harness.query_by_label("Edit message 2").is_none(), "the rest is cut");
    scene.press("Reply again");
    assert_eq!(asked(&mut scene).len(), 4);
    scene.press("New conversation");
    assert!(scene.harness.query_by_label("Edit message 1").is_none());
    scene.press("Undo");
    assert!(scene.harness.query_by_label("Edit message 1").is_some());
    scene.press("New conversation");
    say(&mut scene, "Why?");
    assert!(scene.harness.query_by_label("Undo").is_none(), "it would take what was said since with it");
    assert_eq!(said(&asked(&mut scene).last().unwrap().0), [System, User]);
}

/// The scene after the application was started again.
fn again(scene: Scene, size: [f32; 2]) -> Scene {
    Scene::new(scene.engine, PageName::Chat, size, "dark")
}

#[test]
fn conversations_are_shown_again_after_a_start_and_continued() {
    let mut scene = wide(Engine::full(), PageName::Chat);
    scene.harness.get_by_role_and_label(Role::MultilineTextInput, "System prompt").focus();
    scene.frame();
    scene.harness.get_by_role_and_label(Role::MultilineTextInput, "System prompt").type_text("Be brief.");
    scene.frame();
    say(&mut scene, "Who was it?");
    let [kept] = scene.engine.conversations.as_slice() else { panic!("{:?}", scene.engine.conversations) };
    let [told, asked_first, reply] = kept.messages.as_slice() else { panic!("{kept:?}") };
    assert_eq!((told.role, asked_first.content.as_str()), (Speaker::System, "Who was it?"));
    let origin = reply.origin.as_ref().unwrap();
    assert!(reply.content.contains("It was Mia") && reply.when >= asked_first.when && reply.when > 0);
    assert_eq!((origin.run.as_str(), &origin.source), ("2-first-stories", &WeightSource::Current));
    let seed = origin.config.seed;
    assert_eq!(asked(&mut scene)[0].1, seed);

    let mut scene = again(scene, WIDE);
    assert!(scene.says("Who was it?") && scene.says("It was Mia"));
    assert_eq!(system_prompt(&scene), "Be brief.");
    scene.picture("chat-again");
    say(&mut scene, "And where?");
    let (messages, _) = asked(&mut scene).pop().unwrap();
    assert_eq!(messages.len(), 4);
    scene.press("New conversation");
    say(&mut scene, "Why?");
    let counts: Vec<usize> = scene.engine.conversations.iter().map(|own| own.messages.len()).collect();
    assert_eq!(counts, [5, 3]);

    let mut scene = again(scene, WIDE);
    assert!(scene.says("Why?") && !scene.says("And where?"), "the last one");
    scene.press("Open conversation 2: Who was it?");
    assert!(scene.harness.query_by_label("Edit message 2").is_some());
    scene.press("Rename conversation 2");
    scene.type_into("Title", " The fox");
    scene.press("Rename");
    assert!(scene.engine.conversations[0].title.contains("The fox"));
    say(&mut scene, "When?");
    assert!(
        scene.engine.conversations.iter().any(|own| own.messages.len() == 7 && own.title.contains("fox"))
    );
    scene.press("Remove conversation 1");
    assert!(scene.harness.query_by_label("Edit message 1").is_none(), "it was open");
    assert!(scene.harness.query_by_label_contains("Open conversation 2").is_none());
    scene.press("Undo");
    assert!(scene.harness.query_by_label_contains("Open conversation 2").is_some());
}

#[test]
fn damaged_lines_are_named_and_a_deleted_run_is_replaced() {
    let mut scene = wide(Engine::full(), PageName::Chat);
    say(&mut scene, "Who was it?");
    let damaged = vec!["conversations.jsonl, line 3: expected value".to_owned()];
    scene.engine = Engine { damaged, ..scene.engine };
    let reply = scene.engine.conversations[0].messages.last_mut().unwrap();
    let origin = reply.origin.as_mut().unwrap();
    (origin.run, origin.source) = ("9-gone".to_owned(), WeightSource::best_of("9-gone"));
    let mut scene = again(scene, WIDE);
    assert!(scene.says("line 3: expected value") && scene.says("9-gone, which wrote this conversation"));
    say(&mut scene, "And where?");
    let sent = scene.sent_of(|command| matches!(command, Command::Generate { .. }));
    assert!(matches!(&sent[..], [Command::Generate { source: WeightSource::Current, .. }]), "{sent:?}");
}

#[test]
fn the_composer_stays_at_the_bottom() {
    for size in [PHONE, WIDE, [2560.0, 1440.0]] {
        let mut scene = Scene::new(Engine::full(), PageName::Chat, size, "light");
        let place = |scene: &Scene| scene.harness.get_by_label("Message").rect();
        let before = place(&scene);
        if size != PHONE {
            let settings =
                scene.harness.get_by_role_and_label(Role::MultilineTextInput, "System prompt").rect();
            assert!(before.right() < settings.left(), "{before:?} beside {settings:?}");
        }
        for _ in 0..6 {
            send(&mut scene, "Who was it, and where did all of them go?");
        }
        assert_eq!(place(&scene), before);
        assert!(before.bottom() > size[1] - 260.0, "{before:?}");
        let check_newest = |scene: &Scene| {
            let last = scene.harness.get_by_label("Edit message 6").rect();
            let (top, composer) = (last.top(), place(scene).top());
            assert!(top > 0.0 && last.bottom() < composer, "the newest is not in view: {last:?}");
        };
        check_newest(&scene);
        if size != PHONE {
            let prompt =
                scene.harness.get_by_role_and_label(Role::MultilineTextInput, "System prompt").rect();
            let list = scene.harness.get_by_label_contains("Open conversation 1").rect();
            let first = scene.harness.get_by_label("Edit message 1").rect();
            assert!(first.top() < 0.0, "the conversation is longer than the window");
            assert!(list.top() > 0.0 && prompt.top() > list.bottom() && prompt.bottom() < size[1]);
        }
        // Narrower lines make the conversation longer.
        scene.harness.set_size(egui::vec2(0.7 * size[0], size[1]));
        scene.settle();
        check_newest(&scene);
        scene.harness.set_size(size.into());
        scene.settle();
        scene.check_edges();
        scene.picture(if size == PHONE { "chat-long-narrow" } else { "chat-long" });
    }
}

#[test]
fn shift_and_enter_begin_a_line_and_nothing_is_sent_that_says_nothing() {
    let mut scene = wide(Engine::full(), PageName::Chat);
    say(&mut scene, "  ");
    assert_eq!(asked(&mut scene), []);
    scene.harness.get_by_label("Message").type_text("One");
    scene.frame();
    scene.harness.key_press_modifiers(egui::Modifiers::SHIFT, Key::Enter);
    scene.settle();
    assert_eq!(asked(&mut scene), []);
    assert!(message(&scene).unwrap().ends_with("One\n"), "{:?}", message(&scene));
    scene.harness.get_by_label("Message").type_text("Two");
    scene.frame();
    scene.harness.key_press(Key::Enter);
    scene.settle();
    let conversations = asked(&mut scene);
    let [(messages, _)] = conversations.as_slice() else { panic!("{conversations:?}") };
    assert_eq!(messages[0].content, "One\nTwo");
}

#[test]
fn enter_begins_a_line_on_a_phone_and_the_button_sends() {
    let mut scene = Scene::new(Engine::full(), PageName::Chat, PHONE, "dark");
    say(&mut scene, "One");
    assert_eq!(asked(&mut scene), []);
    assert_eq!(message(&scene).as_deref(), Some("One\n"));
    send(&mut scene, "Two");
    assert_eq!(asked(&mut scene)[0].0[0].content, "One\nTwo");
    assert!(scene.harness.get_by_label("Message").accesskit_node().is_focused(), "one can write on");
}

#[test]
fn a_reply_that_is_written_is_stopped() {
    let silent = |command: &Command| matches!(command, Command::Generate { .. });
    let mut scene = wide(Engine { silent, ..Engine::full() }, PageName::Chat);
    say(&mut scene, "Who was it?");
    scene.press("Stop");
    let replied =
        scene.sent().into_iter().find(|sent| matches!(sent.command, Command::Generate { .. })).unwrap();
    let stopped = scene.sent_of(|command| matches!(command, Command::Cancel { .. }));
    assert_eq!(stopped, [Command::Cancel { request: replied.id }], "whether or not it has begun");
}

#[test]
fn a_reply_that_fails_says_why_and_can_be_written_by_the_person() {
    let failing = |command: &Command| matches!(command, Command::Generate { .. });
    let mut scene = wide(Engine { failing, ..Engine::full() }, PageName::Chat);
    say(&mut scene, "Who was it?");
    assert!(scene.harness.query_by_label("The disk is full.").is_some());
    assert!(!scene.says("0 tokens"));
    assert!(scene.is_disabled("Good reply 1") && scene.is_disabled("Compare with another reply"));
    improve(&mut scene, "Mia.");
    assert_eq!(kinds(&scene), [FeedbackKind::Better], "it is better than nothing, which is no pair");
}

#[test]
fn what_cannot_be_kept_is_not_shown_as_kept() {
    let failing = |command: &Command| matches!(command, Command::SpliceFeedback { .. });
    let mut scene = wide(Engine { failing, ..Engine::full() }, PageName::Chat);
    say(&mut scene, "Who was it?");
    scene.press("Good reply 1");
    assert!(scene.harness.query_by_label("You rated it good.").is_none());
    assert!(!scene.is_disabled("Good reply 1"), "it can be said again");
    improve(&mut scene, " Indeed.");
    let typed = scene.harness.get_by_label("Better reply 1").accesskit_node().value().unwrap();
    assert!(typed.contains("Indeed."), "what was typed stays: {typed}");
    scene.engine.failing = |_| false;
    scene.press("Keep reply 1");
    assert_eq!(kinds(&scene), [FeedbackKind::Better, FeedbackKind::Pair]);
    assert!(scene.harness.query_by_label("Rewritten by you.").is_some());
}

#[test]
fn a_reply_is_rated_with_what_it_was_asked_with() {
    let mut scene = wide(Engine::full(), PageName::Chat);
    say(&mut scene, "Who was it?");
    scene.harness.get_by_role_and_label(Role::MultilineTextInput, "System prompt").focus();
    scene.frame();
    scene.harness.get_by_role_and_label(Role::MultilineTextInput, "System prompt").type_text("Be brief.");
    scene.frame();
    scene.press("Good reply 1");
    assert_eq!(scene.engine.feedback[0].prompt, [ChatMessage::new(Speaker::User, "Who was it?")]);
    assert!(scene.harness.query_by_label("You rated it good.").is_some());
    scene.press("Remove feedback 1");
    assert!(scene.harness.query_by_label("You rated it good.").is_none(), "the row is gone");
}

#[test]
fn feedback_that_cannot_be_read_is_told_from_none() {
    let failing = |command: &Command| *command == Command::ListFeedback;
    let mut scene = wide(Engine { failing, ..Engine::full() }, PageName::Chat);
    let lists = |scene: &mut Scene| scene.sent_of(|command| *command == Command::ListFeedback).len();
    assert_eq!(lists(&mut scene), 1, "once");
    assert!(scene.says("could not be read: the disk is full"));
    scene.engine.failing = |_| false;
    scene.press("Read again");
    assert_eq!(lists(&mut scene), 2);
    assert!(!scene.says("could not be read"));
}

#[test]
fn a_token_of_a_reply_is_looked_into() {
    let mut scene = wide(Engine::full(), PageName::Chat);
    say(&mut scene, "Who was it?");
    scene.harness.get_by_label_contains("Reply 1, choose tokens").focus();
    scene.settle();
    scene.harness.key_press(Key::ArrowRight);
    scene.settle();
    scene.picture("chat-explained");
    let sent = scene.sent_of(|command| matches!(command, Command::Explain { .. }));
    let [Command::Explain { tokens, .. }] = sent.as_slice() else { panic!("{sent:?}") };
    let prompt = support::engine::tokens("user Who? assistant ").len();
    assert_eq!(tokens.len(), prompt, "the template's tokens go along and are not shown");
    assert!(!scene.says("Continue with"), "a reply has no branches");
}

#[test]
fn what_is_said_of_replies_becomes_rows_that_can_be_edited_removed_and_put_back() {
    let mut scene = wide(Engine::full(), PageName::Chat);
    say(&mut scene, "Who was it?");
    scene.press("Good reply 1");
    assert_eq!(kinds(&scene), [FeedbackKind::Good]);
    scene.press("Bad reply 1");
    assert_eq!(kinds(&scene), [FeedbackKind::Bad], "a thumb takes the other's place");
    assert_eq!(scene.engine.feedback[0].run, "2-first-stories");
    improve(&mut scene, " Indeed.");
    assert_eq!(kinds(&scene), [FeedbackKind::Bad, FeedbackKind::Better, FeedbackKind::Pair]);
    let pair = &scene.engine.feedback[2];
    assert!(pair.replies()[0].contains("Indeed.") && !pair.replies()[1].contains("Indeed."));

    scene.press("Compare with another reply");
    let conversations = asked(&mut scene);
    assert_eq!(conversations[0].0, conversations[1].0);
    assert_ne!(conversations[0].1, conversations[1].1);
    scene.picture("chat-compared");
    scene.press("The second reply 1 is better");
    let house = format!("house {}", conversations[1].1);
    let pair = scene.engine.feedback.last().unwrap();
    assert!(pair.kind() == Ok(FeedbackKind::Pair) && pair.replies()[0].contains(&house), "{pair:?}");
    scene.picture("chat-feedback");

    scene.press("Edit feedback 1");
    scene.press("Good");
    scene.press("Save");
    assert_eq!(kinds(&scene)[0], FeedbackKind::Good);
    let before = scene.engine.feedback.clone();
    scene.press("Remove feedback 2");
    assert_eq!(scene.engine.feedback.len(), 3);
    scene.press("Undo");
    assert_eq!(scene.engine.feedback, before);
}

/// Chooses a file of prompts, as in the dialog.
fn propose(scene: &mut Scene, measure: Uncertainty) {
    let wish = Wish::Propose { source: WeightSource::Current, measure };
    let chosen = Chosen { name: "prompts.jsonl".to_owned(), bytes: Some(b"{}".to_vec()) };
    scene.harness.state_mut().answer(Answer { wish, files: Ok(vec![chosen]) });
    scene.settle();
}

#[test]
fn a_prompt_of_the_queue_is_answered_in_a_conversation_of_its_own_and_leaves_the_queue() {
    let mut scene = wide(Engine::full(), PageName::Chat);
    scene.press("What to answer next");
    say(&mut scene, "Who was it?");
    propose(&mut scene, Uncertainty::Disagreement);
    let sent = scene.sent_of(|command| matches!(command, Command::Propose { .. }));
    let [Command::Propose { from, settings, .. }] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((from.as_str(), settings.measure), ("prompts.jsonl", Some(Uncertainty::Disagreement)));
    assert!(scene.says("out of 40 prompts; model: 2-first-stories"));
    assert!(scene.says("0.82 · the model says “He was sad"));
    scene.picture("chat-queue");
    scene.press("Answer prompt 2");
    let (messages, _) = asked(&mut scene).pop().unwrap();
    let said: Vec<&str> = messages.iter().map(|message| message.content.as_str()).collect();
    assert_eq!(said, ["Be brief.", "Who lost the ball?", "The boy.", "And when was that?"]);
    scene.press("Undo");
    assert!(
        scene.harness.query_by_label("Edit message 2").is_none(),
        "the conversation before is there again"
    );
    scene.press("Answer prompt 2");
    scene.press("Good reply 2");
    assert_eq!(scene.engine.feedback[0].prompt, messages);
    assert!(scene.harness.query_by_label("Answer prompt 2").is_none(), "it is answered");
    scene.press("Answer prompt 1");
    let (messages, _) = asked(&mut scene).pop().unwrap();
    assert_eq!(messages, [ChatMessage::new(Speaker::User, "Why was the boy sad?")], "its own, told nothing");
    improve(&mut scene, " Indeed.");
    assert!(scene.says("No proposals left"));
}

fn system_prompt(scene: &Scene) -> String {
    let field = scene.harness.get_by_role_and_label(Role::MultilineTextInput, "System prompt");
    field.accesskit_node().value().unwrap_or_default()
}

#[test]
fn what_a_prompt_of_the_queue_is_told_goes_and_comes_back_with_its_conversation() {
    let mut scene = wide(Engine::full(), PageName::Chat);
    scene.harness.get_by_role_and_label(Role::MultilineTextInput, "System prompt").focus();
    scene.frame();
    scene.harness.get_by_role_and_label(Role::MultilineTextInput, "System prompt").type_text("Rhyme.");
    scene.frame();
    scene.press("What to answer next");
    propose(&mut scene, Uncertainty::Entropy);
    scene.press("Answer prompt 2");
    assert_eq!(system_prompt(&scene), "Be brief.");
    scene.press("New conversation");
    assert_eq!(system_prompt(&scene), "Rhyme.", "the person's own");
    scene.press("Undo");
    assert_eq!(system_prompt(&scene), "Be brief.", "the conversation is whole again");
    scene.press("Reply again");
    let (messages, _) = asked(&mut scene).pop().unwrap();
    assert_eq!(messages[0], ChatMessage::new(Speaker::System, "Be brief."));

    scene.press("Answer prompt 1");
    assert_eq!(system_prompt(&scene), "", "the model was asked without any");
    let (messages, _) = asked(&mut scene).pop().unwrap();
    assert_eq!(messages, [ChatMessage::new(Speaker::User, "Why was the boy sad?")]);
    scene.press("New conversation");
    assert_eq!(system_prompt(&scene), "Rhyme.");
}

#[test]
fn a_reward_model_is_asked_for_no_text() {
    let mut scene = wide(Engine { labels: vec!["reward".to_owned()], ..Engine::full() }, PageName::Chat);
    let words = "It scores replies and generates no text.";
    assert!(scene.harness.query_by_label(words).is_some());
    assert!(scene.harness.query_by_label("Message").is_none());
    assert!(scene.harness.query_by_label("What to label next").is_none());
    assert_eq!(scene.sent_of(|command| matches!(command, Command::OpenModel { .. })), []);
    scene.open(PageName::Write);
    assert!(scene.harness.query_by_label(words).is_some());
}

#[test]
fn a_text_that_a_model_is_uncertain_of_gets_a_label_to_train_on() {
    let labels = ["food", "weather"].map(str::to_owned).to_vec();
    let mut scene = wide(Engine { labels, ..Engine::full() }, PageName::Chat);
    assert_eq!(
        scene.sent_of(|command| matches!(command, Command::OpenModel { .. })),
        [],
        "it writes nothing"
    );
    assert!(scene.harness.query_by_label("It classifies texts and generates none: food, weather").is_some());
    assert!(scene.harness.query_by_label("Message").is_none());
    propose(&mut scene, Uncertainty::Margin);
    // Two texts with the same uncertainty.
    let said = "0.90 · the model says “food”, 55 %";
    assert!(scene.says(said));
    scene.picture("chat-labels");
    scene.press("Text 1: weather");
    let row = &scene.engine.feedback[0];
    assert_eq!((row.text.as_str(), row.text_label.as_str()), ("Mia saw the rain.", "weather"));
    assert_eq!(row.run, "2-first-stories");
    assert!(scene.is_disabled("Train on labels"), "one alone is held out");
    scene.press("Text 1: food");
    assert!(scene.harness.query_by_label("Text 1: food").is_none(), "both have left the queue");
    scene.press("Edit feedback 2");
    assert!(scene.harness.query_all_by_label("Text").next().is_some());
    scene.press("Cancel");
    scene.press("Train on labels");
    let (config, launch) = scene.started();
    assert_eq!(launch.learns_from, LearnsFrom::Feedback);
    assert_eq!(config.train.objective, Objective::Classify);
    assert_eq!(config.start.as_ref().unwrap().run, "2-first-stories");
}

#[test]
fn looking_through_prompts_is_stopped_and_waits_for_a_file() {
    let silent = |command: &Command| matches!(command, Command::Propose { .. });
    let mut scene = wide(Engine { silent, ..Engine::full() }, PageName::Chat);
    scene.press("What to answer next");
    assert!(!scene.is_disabled("Choose prompts"));
    propose(&mut scene, Uncertainty::Entropy);
    assert!(scene.says("Searching the file"));
    scene.press("Stop looking");
    let sent = scene.sent().into_iter().find(|sent| silent(&sent.command)).unwrap();
    let stopped = scene.sent_of(|command| matches!(command, Command::Cancel { .. }));
    assert_eq!(stopped, [Command::Cancel { request: sent.id }]);
}

fn better(said: &str) -> Feedback {
    Feedback { when: 7, ..Feedback::better(vec![ChatMessage::new(Speaker::User, "Who?")], said) }
}

#[test]
fn one_row_alone_is_too_few_and_a_run_does_not_begin_by_itself_later() {
    let failing = |command: &Command| matches!(command, Command::ReadRun { .. });
    let feedback = vec![better("Ada.")];
    let mut scene = wide(Engine { feedback, failing, ..Engine::full() }, PageName::Chat);
    assert!(scene.is_disabled("Train on feedback"));
    assert!(scene.says("Train on feedback needs at least two"));
    say(&mut scene, "Who was it?");
    scene.press("Good reply 1");
    scene.press("Train on feedback");
    scene.engine.failing = |_| false;
    scene.open(PageName::Runs);
    scene.open(PageName::Chat);
    assert_eq!(scene.sent_of(|command| matches!(command, Command::Train { .. })), []);
    scene.press("Train on feedback");
    assert_eq!(scene.sent_of(|command| matches!(command, Command::Train { .. })).len(), 1, "asked anew");
}

#[test]
fn a_run_is_trained_on_the_feedback() {
    let feedback = ["Ada.", "Eva."].map(better).to_vec();
    let mut scene = wide(Engine { feedback, ..Engine::full() }, PageName::Chat);
    assert!(scene.is_disabled("Train on pairs"), "there are none");
    assert!(scene.says("Train on pairs needs at least two"));
    scene.press("Train on feedback");
    let (config, launch) = scene.started();
    assert_eq!(launch.learns_from, LearnsFrom::Feedback);
    assert_eq!(config.train.objective, Objective::Chat);
    assert_eq!(config.start.as_ref().unwrap().run, "2-first-stories");
}

#[test]
fn preferences_are_learned_of_pairs_in_small_steps() {
    let asked = || vec![ChatMessage::new(Speaker::User, "Who?")];
    let pair = |worse: &str| Feedback { when: 7, ..Feedback::pair(asked(), "Ada.", worse) };
    let feedback = ["Eva.", "Ida."].map(pair).to_vec();
    let mut scene = wide(Engine { feedback, ..Engine::full() }, PageName::Chat);
    assert!(scene.is_disabled("Train on feedback"), "nothing was approved");
    scene.press("Train on pairs");
    let (config, launch) = scene.started();
    assert_eq!((launch.learns_from, config.train.objective), (LearnsFrom::Feedback, Objective::Preference));
    assert!(config.train.learning_rate < 1e-4, "{}", config.train.learning_rate);
}

#[test]
fn a_model_that_was_never_taught_to_answer_leads_to_tune() {
    let mut scene = wide(Engine { chats: false, ..Engine::full() }, PageName::Chat);
    scene.picture("chat-no-template");
    assert!(scene.harness.query_by_label("Message").is_none());
    scene.press("Tune it");
    assert!(scene.harness.query_by_role_and_label(Role::ComboBox, "Base model").is_some());
}

#[test]
fn where_the_latest_model_does_not_chat_one_that_does_answers() {
    let mut scene = wide(Engine { chats: false, ..Engine::full() }, PageName::Chat);
    let learned = |name: &str, objective| RunSummary { objective, ..run(name, RunState::Finished, 10, 10) };
    let runs = vec![learned("1-talks", Objective::Chat), learned("2-first-stories", Objective::Text)];
    support::send(scene.harness.state_mut(), [Event::Runs { runs }]);
    scene.settle();
    let opened = scene.sent_of(|command| matches!(command, Command::OpenModel { .. }));
    let Some(Command::OpenModel { source, .. }) = opened.last() else { panic!("no model was opened") };
    assert_eq!(*source, WeightSource::best_of("1-talks"));
}

#[test]
fn a_model_is_tuned_by_what_is_chosen_one_after_another() {
    let feedback = ["Ada.", "Eva."].map(better).to_vec();
    let mut scene = wide(Engine { feedback, ..Engine::full() }, PageName::Tune);
    assert!(scene.harness.query_by_role_and_label(Role::Button, "Tune").is_none(), "nothing was chosen");
    scene.harness.get_by_role_and_label(Role::ComboBox, "Base model").click();
    scene.settle();
    scene.press("1-first-stories");
    assert!(
        scene.harness.query_by_label("letters-to-a-friend-2019.jsonl").is_some(),
        "of the files the one that holds rows"
    );
    scene.press("Feedback");
    scene.press("An adapter (LoRA)");
    scene.set(Role::SpinButton, "Rank", 4.0);
    scene.picture("tune");
    scene.harness.get_by_role_and_label(Role::Button, "Tune").click_accesskit();
    scene.settle();
    let (config, launch) = scene.started();
    assert_eq!(launch.learns_from, LearnsFrom::Feedback);
    assert_eq!(config.train.adapter, Some(Adapter { rank: 4, ..Adapter::default() }));
    assert_eq!(config.start.as_ref().unwrap().run, "1-first-stories");
    let planned = scene.sent_of(|command| matches!(command, Command::Plan { .. }));
    assert!(
        matches!(planned.last(), Some(Command::Plan { config: plan }) if **plan == config),
        "said beforehand"
    );
}

#[test]
fn rows_are_counted_shown_and_removed_on_tune_and_never_change_the_next_new_run() {
    let mut scene = wide(Engine::full(), PageName::Train);
    let train = scene.planned();
    scene.open(PageName::Tune);
    assert!(scene.says("fine-tune: choose a base model"), "the header");
    choose(&mut scene, "Base model", "1-first-stories");
    assert!(scene.says("fine-tunes 1-first-stories (best) · "));
    assert!(scene.says("20 rows, about ") && scene.says("Who wrote to whom?"));
    let train_of_rows = scene.planned().train;
    assert!(!train_of_rows.chat.packing, "each row counts as one, as in the forecast");
    assert_eq!(train_of_rows.epochs, Some(3.0), "the rows are few");
    for name in ["Base model", "Method", "Data", "Settings"] {
        assert!(scene.harness.query_all_by_role_and_label(Role::Label, name).next().is_some(), "{name}");
    }
    choose(&mut scene, "Objective", "Preference");
    assert_eq!(scene.planned().train.objective, Objective::Preference);
    scene.picture("tune-rows");
    scene.open(PageName::Lab);
    assert_eq!(scene.planned(), train, "a search varies the next new run");
    scene.open(PageName::Model);
    assert_eq!(scene.planned(), train);
    scene.open(PageName::Tune);
    assert_eq!(scene.planned().train.objective, Objective::Preference, "its own draft");
    scene.press("Remove letters-to-a-friend-2019.jsonl");
    let removes = |scene: &mut Scene| {
        scene
            .sent_of(|command| matches!(command, Command::ChangeDocuments(DocumentsChange::Remove { .. })))
            .len()
    };
    assert_eq!(removes(&mut scene), 0, "it can be undone");
    for _ in 0..11 {
        scene.settle();
    }
    assert_eq!(removes(&mut scene), 1);
}

/// The objective's own settings: the preference loss, and the source of rewards.
#[test]
fn a_reward_model_is_chosen_on_tune() {
    let mut scene = wide(Engine { labels: vec!["reward".to_owned()], ..Engine::full() }, PageName::Tune);
    let open = |scene: &mut Scene, list: &str| {
        scene.harness.get_by_role_and_label(Role::ComboBox, list).click_accesskit();
        scene.settle();
    };
    open(&mut scene, "Base model");
    scene.press("1-first-stories");
    for list in ["Preference loss", "Reward"] {
        assert!(scene.harness.query_by_role_and_label(Role::ComboBox, list).is_none(), "{list}");
    }
    open(&mut scene, "Objective");
    scene.press("Preference");
    let rate = scene.planned().train.learning_rate;
    open(&mut scene, "Preference loss");
    scene.press("Reward model");
    let train = scene.planned().train;
    assert!(train.learns_scores() && train.learning_rate > rate, "{train:?}");
    open(&mut scene, "Objective");
    scene.press("Reward");
    assert_eq!(scene.planned().train.objective, Objective::Reward);
    let writers = |scene: &Scene| {
        scene
            .harness
            .query_all_by_label(&support::entry_label(&scene.harness, None, "1-first-stories"))
            .count()
    };
    let before = writers(&scene);
    open(&mut scene, "Reward");
    assert_eq!(writers(&scene), before, "what writes is no judge");
    scene.press("2-first-stories");
    assert_eq!(scene.planned().train.reward.model, "2-first-stories");
}

#[test]
fn a_recipe_fills_in_what_a_person_could_have_chosen() {
    let mut scene = wide(Engine::full(), PageName::Tune);
    scene.harness.get_by_role_and_label(Role::ComboBox, "Base model").click();
    scene.settle();
    scene.press("1-first-stories");
    let recipe = |name| glasshouse_protocol::recipes::recipe(name).unwrap();
    scene.press(&recipe("classify").title);
    scene.press(&recipe("poems").title);
    let own = scene.harness.query_all_by_label("forest tales.txt").next().is_some();
    assert!(own, "text of the person's own comes first, too");
    scene.press(&recipe("summarise").title);
    scene.press(&recipe("summarise").title);
    assert!(scene.harness.query_by_label(&recipe("summarise").row).is_none(), "it is chosen no longer");
    scene.press(&recipe("summarise").title);
    assert!(scene.harness.query_by_label(&recipe("summarise").row).is_some(), "an example of its data");
    assert!(
        scene.harness.query_by_label("letters-to-a-friend-2019.jsonl").is_some(),
        "rows that the project has come first"
    );
    let expects = |scene: &Scene| scene.says("Expected result: 269 of 300");
    assert!(!expects(&scene), "that was measured on generated rows");
    scene.press("Generated rows");
    assert!(expects(&scene));
    scene.picture("tune-recipe");
    scene.harness.get_by_role_and_label(Role::Button, "Tune").click_accesskit();
    scene.settle();
    let (config, launch) = scene.started();
    assert_eq!((launch.learns_from, launch.recipe.as_deref()), (LearnsFrom::Tasks, Some("summarise")));
    let train = &config.train;
    assert_eq!((train.objective, train.steps), (Objective::Chat, recipe("summarise").steps));
    // Without a recipe's learning rate, the run's is used.
    assert_eq!(train.learning_rate, recipe("summarise").learning_rate.unwrap_or(1e-3));
    assert_eq!(config.start.as_ref().unwrap().run, "1-first-stories");
}

#[test]
fn a_prompts_loss_is_weighed_where_answers_are_learned() {
    let mut scene = wide(Engine::full(), PageName::Tune);
    choose(&mut scene, "Base model", "1-first-stories");
    let weight = "Prompt loss weight";
    scene.set(Role::SpinButton, weight, 0.25);
    let config = scene.planned();
    assert_eq!((config.train.objective, config.train.prompt_loss_weight), (Objective::Chat, 0.25));
    choose(&mut scene, "Objective", "Preference");
    assert!(scene.harness.query_by_role_and_label(Role::SpinButton, weight).is_none());
    let config = scene.planned();
    assert_eq!(config.train.prompt_loss_weight, 0.0, "and goes with its objective");
}

#[test]
fn a_recipe_has_an_example_and_measures_a_run_by_rows_that_were_held_out() {
    let mut scene = wide(Engine::full(), PageName::Tune);
    choose(&mut scene, "Base model", "1-first-stories");
    scene.press(&glasshouse_protocol::recipes::recipe("answer").unwrap().title);
    assert!(scene.harness.query_by_role_and_label(Role::Button, "Save an example").is_some());
    scene.press("Measure 2-first-stories");
    let sent = scene.sent_of(|command| matches!(command, Command::Evaluate { .. }));
    let [Command::Evaluate { source: WeightSource::Checkpoint { run, .. }, settings }] = sent.as_slice()
    else {
        panic!("{sent:?}")
    };
    assert_eq!((run.as_str(), settings.likelihood), ("2-first-stories", false));
    assert_eq!(settings.tasks[0].recipe.as_deref(), Some("answer"));
}

/// Rewards and preferences have their settings on the page, and instruction tasks are offered in their format.
#[test]
fn rewards_are_chosen_by_rule_and_preferences_by_their_numbers() {
    let mut scene = wide(Engine::full(), PageName::Tune);
    choose(&mut scene, "Base model", "1-first-stories");
    choose(&mut scene, "Objective", "Reward");
    assert!(scene.harness.query_by_label("Pattern").is_none(), "a check needs none");
    choose(&mut scene, "Rule", "Length");
    scene.set(Role::SpinButton, "Words", 12.0);
    scene.set(Role::SpinButton, "KL weight (β)", 0.5);
    let reward = scene.planned().train.reward;
    assert_eq!((reward.rule, reward.words, reward.beta), (RewardRule::Length, 12, 0.5));
    choose(&mut scene, "Rule", "Regular expression");
    assert!(scene.harness.query_by_role_and_label(Role::TextInput, "Pattern").is_some());
    choose(&mut scene, "Rule", "Number");
    scene.press("Instruction tasks");
    scene.picture("tune-reward");
    choose(&mut scene, "Objective", "Preference");
    scene.set(Role::SpinButton, "β", 2.0);
    choose(&mut scene, "Preference loss", "Reward model");
    scene.set(Role::SpinButton, "Margin", 1.5);
    let preference = scene.planned().train.preference;
    assert_eq!((preference.margin, preference.beta), (1.5, 2.0));
    choose(&mut scene, "Preference loss", "DPO");
    assert_eq!(scene.planned().train.preference.margin, 0.0, "a margin belongs to its loss");
    scene.press("Instruction tasks");
    scene.harness.get_by_role_and_label(Role::Button, "Tune").click_accesskit();
    scene.settle();
    let (_, launch) = scene.started();
    assert_eq!((launch.learns_from, &launch.recipe), (LearnsFrom::Tasks, &None));
}

#[test]
fn a_model_learns_from_a_teacher_that_is_chosen() {
    let mut scene = wide(Engine::full(), PageName::Tune);
    choose(&mut scene, "Base model", "1-first-stories");
    assert!(scene.harness.query_by_role_and_label(Role::ComboBox, "Teacher model").is_none());
    choose(&mut scene, "Objective", "Distil");
    choose(&mut scene, "Teacher model", "2-first-stories");
    scene.set(Role::SpinButton, "Temperature", 4.0);
    scene.picture("tune-distil");
    scene.harness.get_by_role_and_label(Role::Button, "Tune").click_accesskit();
    scene.settle();
    let (config, _) = scene.started();
    assert_eq!(config.train.objective, Objective::Distil);
    let distil = &config.train.distil;
    assert_eq!((distil.teacher.as_str(), distil.temperature, distil.mix), ("2-first-stories", 4.0, 0.5));
}

/// The moderation of the last reply.
fn moderation(scene: &mut Scene) -> Moderation {
    let sent = scene.sent_of(|command| matches!(command, Command::Generate { .. }));
    match sent.last() {
        Some(Command::Generate { config, .. }) => (*config.moderation).clone(),
        other => panic!("{other:?}"),
    }
}

/// Chooses from a list without the pointer.
fn choose(scene: &mut Scene, list: &str, choice: &str) {
    scene.harness.get_by_role_and_label(Role::ComboBox, list).click_accesskit();
    scene.settle();
    scene.press(choice);
}

#[test]
fn moderation_is_switched_on_and_says_what_it_found_and_did() {
    let mut scene = Scene::new(Engine::full(), PageName::Chat, [1280.0, 2000.0], "dark");
    say(&mut scene, "Who was it?");
    assert_eq!(moderation(&mut scene), Moderation::default());
    assert!(!scene.says("Moderation "));
    for (choice, mode, did) in [
        ("Note", ModerationMode::Note, "found and left unchanged"),
        ("Filter", ModerationMode::Filter, "left out"),
        ("Replace", ModerationMode::Replace, "replaced"),
        ("Stop", ModerationMode::Stop, "ended the text before"),
    ] {
        choose(&mut scene, "Moderation", choice);
        scene.press("New conversation");
        say(&mut scene, "Who was it?");
        assert_eq!(moderation(&mut scene).mode, mode);
        let line = format!("Moderation {did}: 2 profanity, 1 self harm.");
        assert!(scene.harness.query_by_label(&line).is_some(), "{line}");
        // Moderated text is not the model's own.
        let rated = mode == ModerationMode::Note;
        for name in ["Good reply 1", "Bad reply 1", "Compare with another reply"] {
            assert_eq!(scene.is_disabled(name), !rated, "{choice}: {name}");
        }
        assert!(!scene.is_disabled("Copy reply 1"));
    }
    choose(&mut scene, "Moderation", "Replace");
    scene.press("Reply again");
    scene.picture("chat-moderated");
    let shown =
        scene.harness.get_by_label_contains("Reply 1, choose tokens").accesskit_node().value().unwrap();
    assert!(shown.contains("█████ forest"), "{shown}");

    // The candidates would reveal hidden words.
    scene.harness.get_by_label_contains("Reply 1, choose tokens").focus();
    scene.settle();
    scene.harness.key_press(Key::ArrowRight);
    scene.settle();
    assert!(scene.says("Moderation hides words here"));
    assert!(scene.sent_of(|command| matches!(command, Command::Explain { .. })).is_empty());

    // The rewritten reply is stored, but no preference over the moderated one.
    improve(&mut scene, " Indeed.");
    assert_eq!(kinds(&scene), [FeedbackKind::Better]);
    assert!(!scene.says("Moderation replaced"), "the person put it so");
    choose(&mut scene, "Moderation", "Off");
    scene.press("New conversation");
    say(&mut scene, "Who was it?");
    assert_eq!(moderation(&mut scene), Moderation::default());
}

#[test]
fn categories_and_severity_of_moderation_are_chosen() {
    let mut scene = Scene::new(Engine::full(), PageName::Chat, [1280.0, 2000.0], "dark");
    choose(&mut scene, "Moderation", "Replace");
    choose(&mut scene, "From severity", "Mild");
    scene.press("Drugs");
    scene.press("Self harm");
    say(&mut scene, "Who was it?");
    let chosen = moderation(&mut scene);
    assert_eq!((chosen.severity, chosen.categories.len()), (Severity::Mild, Category::ALL.len() - 2));
    assert!(!chosen.counts(Category::Drugs, Severity::Severe));
    assert!(chosen.counts(Category::Violence, Severity::Mild));
    scene.press("Drugs");
    scene.press("Self harm");
    say(&mut scene, "Who was it?");
    assert!(moderation(&mut scene).categories.is_empty(), "all of them again");
    for name in ["Profanity", "Insults", "Violence", "Sexual", "Self harm"] {
        scene.press(name);
    }
    assert!(scene.is_disabled("Drugs"), "one of them stays");

    // The setting is stored, and applies to all projects.
    say(&mut scene, "Who was it?");
    let kept = scene.harness.state_mut().preferences().moderation.clone();
    assert_eq!(kept, moderation(&mut scene));
}

#[test]
fn the_projects_classifier_is_switched_on_where_there_is_one() {
    let mut scene = Scene::new(Engine::full(), PageName::Chat, [1280.0, 2000.0], "dark");
    choose(&mut scene, "Moderation", "Replace");
    let name = "Also by the project's classifier";
    assert!(scene.is_disabled(name), "it has none");
    let trained = |classifier| {
        let project = ProjectSummary { classifier, ..support::project("forest-tales", "Forest tales", 2) };
        [Event::Projects { projects: vec![project], storage: support::storage() }]
    };
    support::send(scene.harness.state_mut(), trained(true));
    scene.settle();
    scene.press(name);
    say(&mut scene, "Who was it?");
    assert!(moderation(&mut scene).classifier);
    // A project without a classifier is moderated by rules, and the choice is kept.
    support::send(scene.harness.state_mut(), trained(false));
    scene.settle();
    say(&mut scene, "And then?");
    assert!(!moderation(&mut scene).classifier && scene.is_disabled(name));
    assert!(scene.harness.state_mut().preferences().moderation.classifier);
}

#[test]
fn the_windows_server_has_the_moderation_of_chat() {
    let mut scene = Scene::new(Engine::full(), PageName::Settings, [1280.0, 2000.0], "dark");
    assert!(scene.harness.query_by_role_and_label(Role::ComboBox, "From severity").is_none());
    choose(&mut scene, "Moderation", "Filter");
    choose(&mut scene, "From severity", "Severe");
    scene.picture("settings-moderation");
    assert!(!scene.says("Found in answers"), "nothing is answered yet");
    scene.open(PageName::Chat);
    say(&mut scene, "Who was it?");
    let chosen = moderation(&mut scene);
    assert_eq!((chosen.mode, chosen.severity), (ModerationMode::Filter, Severity::Severe));
}

#[test]
fn both_pages_stay_within_the_edges() {
    let asked =
        || vec![ChatMessage::new(Speaker::User, "Who was it, and where did the little fox live then?")];
    let feedback: Vec<Feedback> = (0..12)
        .map(|at| Feedback {
            when: support::THEN,
            ..Feedback::pair(asked(), &format!("Mia, {at}."), "The owl.")
        })
        .collect();
    for (size, theme) in
        [(WIDE, "light"), (WIDE, "dark"), (PHONE, "dark"), (PHONE, "light"), ([760.0, 860.0], "dark")]
    {
        let tall = [size[0], 2600.0];
        let engine = Engine { feedback: feedback.clone(), ..Engine::full() };
        let mut scene = Scene::new(engine.clone(), PageName::Chat, tall, theme);
        scene.harness.state_mut().preferences().moderation.mode = ModerationMode::Note;
        send(&mut scene, "Who was it?");
        scene.harness.get_by_label_contains("Reply 1, choose tokens").focus();
        scene.settle();
        scene.harness.key_press(Key::ArrowRight);
        scene.settle();
        scene.picture(&format!("chat-{}-{theme}", size[0]));
        scene.check_edges();
        scene.press("Compare with another reply");
        scene.picture(&format!("chat-compared-{}-{theme}", size[0]));
        scene.check_edges();
        scene.press("Edit feedback 12");
        scene.check_edges();

        let mut scene = Scene::new(engine, PageName::Tune, tall, theme);
        scene.harness.get_by_role_and_label(Role::ComboBox, "Base model").click();
        scene.settle();
        scene.press("2-first-stories");
        scene.press("Tag names");
        scene.press("An adapter (LoRA)");
        scene.picture(&format!("tune-{}-{theme}", size[0]));
        scene.check_edges();
    }
}

#[test]
fn an_adapter_is_merged_and_exported_from_runs() {
    let mut window = support::on(PageName::Runs, [1280.0, 1100.0]);
    window.get_by_role_and_label(egui::Role::Row, "1-first-stories").click();
    window.run_steps(2);
    let plain = support::history("1-first-stories", 1e-3);
    support::send(window.state_mut(), [plain.clone()]);
    window.run_steps(2);
    assert!(window.query_by_label("Merge adapter").is_none(), "it has no adapter");
    let mut history = plain;
    history.config.train.adapter = Some(Adapter::default());
    support::send(window.state_mut(), [history]);
    window.run_steps(2);
    window.get_by_label("Merge adapter").click();
    window.run_steps(2);
    let run = "1-first-stories".to_owned();
    let merge = RunChange::MergeAdapter { checkpoint: None, adapter: None }.to(run);
    assert!(support::sent(window.state_mut()).contains(&merge));
    let merged = Event::RunAdded(answer::RunAdded {
        run: RunSummary { name: "3-merged".to_owned(), ..RunSummary::default() },
        about: "the weights with the adapter added to them".to_owned(),
        difference: None,
    });
    let runs = vec![support::run("3-merged", RunState::Imported, 0, 0)];
    answer(window.state_mut(), |command| *command == merge, [merged, Event::Runs { runs }, Event::Finished]);
    window.run_steps(2);
    assert!(window.query_all_by_label_contains("3-merged").next().is_some());
}

#[test]
fn the_export_of_a_run_with_an_adapter_offers_the_adapter_alone() {
    let mut window = support::on(PageName::Runs, [1280.0, 1100.0]);
    window.get_by_role_and_label(egui::Role::Row, "1-first-stories").click();
    window.run_steps(2);
    let mut history = support::history("1-first-stories", 1e-3);
    history.config.train.adapter = Some(Adapter::default());
    support::send(window.state_mut(), [history]);
    window.run_steps(2);
    window.get_by_label("Export model").click();
    window.run_steps(3);
    window.get_by_role_and_label(egui::Role::RadioButton, "Adapter").click_accesskit();
    window.run_steps(3);
    assert!(window.query_by_label_contains("for PEFT").is_some());
}
