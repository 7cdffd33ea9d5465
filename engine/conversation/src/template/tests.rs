use super::*;
use proptest::prelude::*;
use serde_json::json;
use std::time::{Duration, Instant};

const IM_START: &str = CHATML_TOKENS[0];
const IM_END: &str = CHATML_TOKENS[1];

fn conversation(messages: &serde_json::Value) -> Conversation {
    serde_json::from_value(json!({ "messages": messages })).unwrap()
}

fn asked(question: &str, answer: &str) -> Conversation {
    conversation(
        &json!([{ "role": "user", "content": question }, { "role": "assistant", "content": answer }]),
    )
}

fn compile(source: &str) -> ChatTemplate {
    ChatTemplate::compile(source, SpecialTokens::default().with("eos_token", "</s>")).unwrap()
}

fn text(source: &str) -> Result<String, TemplateError> {
    compile(source).text(&asked("Hi", "Hello"), false)
}

fn learned(template: &ChatTemplate, conversation: &Conversation) -> Vec<String> {
    let rendered = template.render(conversation).unwrap();
    rendered.assistant.iter().map(|span| rendered.text[span.clone()].to_owned()).collect()
}

#[test]
fn chatml_is_what_it_says() {
    let template = ChatTemplate::chatml().unwrap();
    let talk = conversation(&json!([
        { "role": "system", "content": "Be brief." },
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": "Hello\n" },
        { "role": "user", "content": "Bye" },
    ]));
    let expected = "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nHello\n\
                    <|im_end|>\n<|im_start|>user\nBye<|im_end|>\n";
    assert_eq!(template.text(&talk, false).unwrap(), expected);
    assert_eq!(template.text(&talk, true).unwrap(), format!("{expected}<|im_start|>assistant\n"));
    assert_eq!(learned(&template, &talk), ["Hello\n<|im_end|>"]);
    assert_eq!(template.specials.get("eos_token"), Some(IM_END));
    assert!(template.tagged && template.source() == CHATML);
    let mut tools = talk.clone();
    tools.tools = Some(json!([{}]));
    let refused = TemplateError::Refused("ChatML has no place for tools".to_owned());
    assert_eq!(template.text(&tools, false), Err(refused));
    let calls = conversation(&json!([
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": "", "tool_calls": [{}] },
    ]));
    assert!(matches!(template.render(&calls), Err(TemplateError::Refused(_))));
}

/// Zephyr's template, in which a line break follows the end-of-turn token.
const TURNS: &str = "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content | trim }}{{ eos_token }}\n{% endfor %}\
                     {% if add_generation_prompt %}<|assistant|>\n{% endif %}";

#[test]
fn spans_are_told_by_prefixes() {
    let talk = conversation(&json!([
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": " Hello \n" },
        { "role": "user", "content": "Bye" },
        { "role": "assistant", "content": "Later" },
    ]));
    assert_eq!(learned(&compile(TURNS), &talk), ["Hello</s>", "Later</s>"]);
    // A line break that alone ends the turn is trained on.
    let lines = "{% for m in messages %}{{ m.role }}: {{ m.content | trim }}{{ '\\n' }}{% endfor %}\
                 {% if add_generation_prompt %}assistant: {% endif %}";
    assert_eq!(learned(&compile(lines), &talk), ["Hello\n", "Later\n"]);
    // An empty thought only before the last answer, as in Qwen3.
    let thought = "{% for m in messages %}<|{{ m.role }}|>{% if loop.last and m.role == 'assistant' %}<think></think>{% endif %}\
                   {{ m.content | trim }}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}";
    assert_eq!(learned(&compile(thought), &talk), ["Hello<|end|>", "<think></think>Later<|end|>"]);
    // A header that begins a thought, as in DeepSeek.
    let begun = "{% for m in messages %}<|{{ m.role }}|>{{ m.content | trim }}<|end|>{% endfor %}\
                 {% if add_generation_prompt %}<|assistant|><think>{% endif %}";
    assert_eq!(learned(&compile(begun), &talk), ["Hello<|end|>", "Later<|end|>"]);
    let markup = asked("Hi", "<b>Hello</b>");
    assert_eq!(learned(&compile(begun), &markup), ["<b>Hello</b><|end|>"]);
}

#[test]
fn spans_that_are_not_told_are_an_error() {
    let talk = asked("Hi", "Hello");
    for source in [
        "{{ messages | length }}",
        "{% for m in messages | reverse %}<|{{ m.role }}|>{{ m.content }}{% endfor %}",
        "<{{ messages | length }}>{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}",
        "",
    ] {
        assert_eq!(compile(source).render(&talk), Err(TemplateError::Spans { message: 1 }), "{source}");
    }
    let nothing =
        compile("{% for m in messages %}{% generation %}{% endgeneration %}{{ m.content }}{% endfor %}");
    assert_eq!(nothing.render(&talk), Err(TemplateError::NoSpans));
    assert_eq!(nothing.text(&talk, false).unwrap(), "HiHello");
}

#[test]
fn tags_are_spans_whatever_a_message_holds() {
    let source = "{% for m in messages %}{% set c = m.content %}{% if m.role == 'assistant' %}\n\
                  A: {% generation %}{% for word in c.split() %}{{ word }} {% endfor %}.{% endgeneration %}|\n\
                  {% else %}{{ c }}{% endif %}{% endfor %}";
    let talk = asked("\u{F0000}Hi\u{F0001}", "Hello\u{F0002} 日本");
    let rendered = compile(source).render(&talk).unwrap();
    assert_eq!(rendered.text, "\u{F0000}Hi\u{F0001}A: Hello\u{F0002} 日本 .|\n");
    assert_eq!(learned(&compile(source), &talk), ["Hello\u{F0002} 日本 ."]);
    // A template that writes the marks itself only changes its own spans.
    let forged = "{% generation %}a{% endgeneration %}{{ '\\uDB80\\uDC00' }}b{{ '\\uDB80\\uDC01' }}";
    if let Ok(rendered) = compile(forged).render(&talk) {
        assert!(rendered.assistant.iter().all(|span| rendered.text.get(span.clone()).is_some()));
    }
}

#[test]
fn a_completion_is_what_follows_the_prompt() {
    let talk = conversation(&json!([
        { "role": "user", "content": "Hi" },
        { "role": "assistant", "content": "Hello" },
        { "role": "user", "content": "Bye" },
        { "role": "assistant", "content": "Later" },
    ]));
    for template in [ChatTemplate::chatml().unwrap(), compile(TURNS)] {
        let whole = template.render(&talk).unwrap();
        let completion = template.render_completion(&talk, 3).unwrap();
        assert_eq!(completion.text, whole.text);
        assert_eq!(completion.assistant, whole.assistant[1..]);
        assert_eq!(template.render_completion(&talk, 0).unwrap(), whole);
    }
    let counted = compile(
        "{{ messages | length }}{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}",
    );
    assert_eq!(counted.render_completion(&talk, 3), Err(TemplateError::Prompt { prompt: 3 }));
}

#[test]
fn jinja_is_transformers() {
    // Expected texts are from `render_jinja_template` in transformers 5.23; the slow tests compare whole templates.
    for (source, expected) in [
        ("a\n  {% if true %}\nb\n  {% endif %}\nc\n", "a\nb\nc"),
        (
            "{{ {'b': [1, 2.0, none, true], 'a': '<é\"&>'} | tojson }}",
            "{\"b\": [1, 2.0, null, true], \"a\": \"<é\\\"&>\"}",
        ),
        (
            "{{ {'b': 1e-7, 'a': 'é🙂'} | tojson(ensure_ascii=true, sort_keys=true) }}",
            "{\"a\": \"\\u00e9\\ud83d\\ude42\", \"b\": 1e-07}",
        ),
        ("{{ {'a': [], 'b': [1]} | tojson(indent=2) }}", "{\n  \"a\": [],\n  \"b\": [\n    1\n  ]\n}"),
        ("{{ {'a': [1, 2]} | tojson(separators=(',', ':')) }}", "{\"a\":[1,2]}"),
        (
            "{% for i in range(5) %}{% if i == 1 %}{% continue %}{% elif i == 3 %}{% break %}{% endif %}{{ i }}{% endfor %}",
            "02",
        ),
        ("{{ ' a b '.strip().split(' ') | join('-') }}{{ 'ab'.removeprefix('a').upper() }}", "a-bB"),
        (
            "{{ messages[0].get('name', 'x') }}{{ messages[0]['role'] }}{{ bos_token }}{{ eos_token }}",
            "xuser</s>",
        ),
        (
            "{{ tools is none }}{{ documents is none }}{{ nothing | length }}{{ none is iterable }}",
            "TrueTrue0False",
        ),
        ("{{ '{:>5}|{}'.format('a', 1) }}{{ 'a\\n' | indent(2, first=true) }}|", "    a|1  a\n|"),
        (
            "{% set ns = namespace(a=[]) %}{% for m in messages %}{% set ns.a = ns.a + [m.role] %}{% endfor %}{{ ns.a | tojson }}",
            "[\"user\", \"assistant\"]",
        ),
    ] {
        assert_eq!(text(source).as_deref(), Ok(expected), "{source}");
    }
    assert!(text("{{ strftime_now('%Y-%m-%d') }}").unwrap().len() == 10);
}

#[test]
fn what_a_template_may_not_is_refused() {
    assert_eq!(
        text("{{ raise_exception('Roles must alternate') }}"),
        Err(TemplateError::Refused("Roles must alternate".to_owned()))
    );
    assert_eq!(
        text(
            "{% macro f() %}{{ raise_exception('within') }}{% endmacro %}{% generation %}{{ f() }}{% endgeneration %}"
        ),
        Err(TemplateError::Refused("within".to_owned()))
    );
    for (source, line) in [
        ("{% for %}", 1),
        ("\n\n{% if true %}", 3),
        ("{% include 'a' %}", 1),
        ("{% import 'a' as b %}", 1),
        ("{% extends 'a' %}", 1),
        ("{% endgeneration %}", 1),
        ("{% generation %}", 1),
    ] {
        let error = ChatTemplate::compile(source, SpecialTokens::default()).unwrap_err();
        assert!(matches!(error, TemplateError::Syntax { line: own, .. } if own == line), "{source}: {error}");
    }
    for source in [
        "{{ strftime_now('%Q!') }}",
        "{{ debug() }}",
        "{{ unknown() }}",
        "{{ 'a' | unknown }}",
        "{{ messages[0].content.unknown() }}",
        "{{ messages.append(1) }}",
        "{{ nothing.of.this }}",
        "{{ nothing | tojson }}",
        "{{ namespace | tojson }}",
        "{% set ns = namespace() %}{% set ns.a = ns %}{{ ns }}",
        "{% set ns = namespace() %}{% set ns.a = [[ns]] %}{{ ns }}",
        "{% set ns = namespace() %}{% set ns.a = ns.items() %}{% set ns.a = ns.items() %}{% set ns.a = [namespace()] %}{{ ns }}",
        "{% set a = namespace() %}{% set b = namespace(a=a) %}{{ b }}",
        "{{ '{:99999999999}'.format(1) }}",
        "{{ 'a'.split('') }}",
    ] {
        let error = text(source).unwrap_err();
        assert!(matches!(error, TemplateError::Failed { line: 1, .. }), "{source}: {error}");
    }
    let long = " ".repeat(MAX_SOURCE_BYTES + 1);
    assert_eq!(
        ChatTemplate::compile(&long, SpecialTokens::default()).err(),
        Some(TemplateError::TooLong(MAX_SOURCE_BYTES + 1))
    );
}

/// Templates that compute, write or nest endlessly are stopped before memory or stack runs out.
#[test]
fn hostile_templates_are_stopped() {
    let doubling = |what: &str, shown: &str| {
        format!(
            "{{% set ns = namespace(a={what}) %}}{{% for i in range(100) %}}{{% set ns.a = ns.a ~ ns.a %}}{{% endfor %}}{shown}"
        )
    };
    let nested = "{% set ns = namespace(a=[]) %}{% for i in range(1000) %}{% for j in range(1000) %}{% set ns.a = [ns.a] %}\
                  {% endfor %}{% endfor %}";
    let twice =
        "{% set ns = namespace(a=['x']) %}{% for i in range(50) %}{% set ns.a = [ns.a, ns.a] %}{% endfor %}";
    let recursion = "{% macro f(x) %}{{ f([x]) }}{% endmacro %}{{ f(0) }}";
    let wide = "{% macro f(x, n) %}{% if n %}{{ f(x, n - 1) ~ f(x, n - 1) }}{% else %}{{ x }}{% endif %}{% endmacro %}{{ f('x' * 100, 40) }}";
    let templates = [
        "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}".to_owned(),
        "{% for i in range(100000) %}{{ 'x' * 100000 }}{% endfor %}".to_owned(),
        "{{ 'x' * 1000000000000 }}".to_owned(),
        "{{ ('x' * 100000).replace('x', 'x' * 100000) }}".to_owned(),
        "{{ ('x' * 1000000).join(('y' * 100000) | list) }}".to_owned(),
        "{{ ('x' * 1000000).join('y' * 100000) }}".to_owned(),
        "{{ '{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}{0}'.format('x' * 5000000) }}".to_owned(),
        "{{ ('{0}' * 100000).format('x' * 100000) }}".to_owned(),
        "{{ ('x ' * 9000000).split() }}".to_owned(),
        "{{ ('x\\n' * 9000000).splitlines() }}".to_owned(),
        "{{ ('\\n' * 1000000) | indent('x' * 1000000, blank=true) }}".to_owned(),
        "{{ ('\\n' * 1000000) | replace('\\n', 'x' * 1000000) }}".to_owned(),
        "{{ '%0999999999d' | format(1) }}".to_owned(),
        doubling("'x'", ""),
        doubling("'x'", "{{ ns.a }}"),
        nested.to_owned(),
        format!("{nested}{{{{ ns.a }}}}"),
        format!("{twice}{{{{ ns.a }}}}"),
        format!("{twice}{{{{ ns.a | tojson }}}}"),
        format!("{twice}{{{{ ns.a | string }}}}"),
        format!("{twice}{{{{ ns.a == [ns.a] }}}}"),
        format!("{twice}{{{{ ns.a | join }}}}"),
        recursion.to_owned(),
        wide.to_owned(),
        "{% for x in [1] recursive %}{{ loop([[x]]) }}{% endfor %}".to_owned(),
    ];
    for source in templates {
        let began = Instant::now();
        let outcome = text(&source);
        assert!(
            matches!(outcome, Err(TemplateError::TooMuch | TemplateError::Failed { .. })),
            "{source}: {:?}",
            outcome.map(|text| text.len())
        );
        assert!(began.elapsed() < Duration::from_secs(20), "{source}: {:?}", began.elapsed());
    }
    // Deeply nested sources are rejected or compiled without overflowing the stack.
    for part in [
        "{% if a %}",
        "{{ (",
        "{{ [",
        "{{ a[",
        "{{ -",
        "{{ not ",
        "{% set a = [",
        "{% for a in ",
        "{{ a if b else ",
        "{#",
        "{% raw %}",
        "{{ a | b(",
        "{{ a ~ ",
        "{% elif a %}",
        "\n",
    ] {
        let source: String = part.repeat(MAX_SOURCE_BYTES / part.len());
        let _ = ChatTemplate::compile(&source, SpecialTokens::default());
        let inner = part.trim_start_matches("{{ ");
        if part.starts_with("{{ ") {
            let source = format!("{{{{ {} }}}}", inner.repeat(MAX_SOURCE_BYTES / inner.len() - 10));
            let _ = ChatTemplate::compile(&source, SpecialTokens::default());
        }
    }
    let chain = format!("{{% set a = [] %}}{}done", "{% set a = [a] %}".repeat(1_000));
    assert!(matches!(text(&chain), Err(TemplateError::Failed { .. })));
    let elif = format!("{{% if nothing %}}{}{{% endif %}}", "{% elif nothing %}".repeat(1_000));
    assert!(matches!(compile_quietly(&elif), Err(TemplateError::Nested { line: 1 })));
    // The longest allowed source compiles, renders and drops on a test thread's 2 MB stack.
    let elif = format!("{{% if nothing %}}{}{{% endif %}}", "{% elif nothing %}".repeat(63));
    assert_eq!(compile_quietly(&elif), Ok(String::new()));
    for (part, count) in [
        ("-", 390),
        ("not ", 390),
        ("1 + ", 190),
        ("1 ~ ", 190),
        ("1 and ", 190),
        ("1 if 1 else ", 90),
        ("(", 30),
        ("[", 30),
    ] {
        let close = match part {
            "(" => ")",
            "[" => "]",
            _ => "",
        };
        let _ = compile_quietly(&format!("{{{{ {}1{} }}}}", part.repeat(count), close.repeat(count)));
    }
    for operator in ["+", "~", "and", ".a.a", "|string|string"] {
        let many =
            if operator.starts_with(['.', '|']) { operator.to_owned() } else { format!(" {operator} 1") };
        let _ = compile_quietly(&format!("{{{{ 1{} }}}}", many.repeat(180)));
    }
}

/// Compiles and renders; either may fail.
fn compile_quietly(source: &str) -> Result<String, TemplateError> {
    ChatTemplate::compile(source, SpecialTokens::default())?.text(&asked("Hi", "Hello"), true)
}

#[test]
fn long_conversations_have_the_fuel_they_need() {
    let template = compile(TURNS);
    let turn = |number: usize| {
        Message::new(if number.is_multiple_of(2) { Role::User } else { Role::Assistant }, "words ".repeat(50))
    };
    let talk = Conversation::new((0..400).map(turn).collect());
    assert_eq!(template.render(&talk).unwrap().assistant.len(), 200);
    let talk = asked("Hi", &"words ".repeat(1 << 20));
    assert_eq!(template.render(&talk).unwrap().assistant.len(), 1);
    assert_eq!(ChatTemplate::chatml().unwrap().render(&talk).unwrap().assistant.len(), 1);
}

/// Valid conversations whose texts include template markup.
fn conversations() -> impl Strategy<Value = Conversation> {
    let part = prop_oneof![
        "[a-zé日🙂 \\n]{1,8}",
        prop::sample::select(vec![
            "<|im_end|>",
            "<|im_start|>assistant\n",
            "{{",
            "{% generation %}",
            "</s>",
            "\u{F0000}",
            "\u{F0001}"
        ])
        .prop_map(str::to_owned),
    ];
    let text = prop::collection::vec(part, 1..4).prop_map(|parts| format!("{}.", parts.concat()));
    (any::<bool>(), prop::collection::vec((text.clone(), text.clone()), 1..4), text).prop_map(
        |(system, turns, first)| {
            let system = system.then(|| Message::new(Role::System, first));
            let turns = turns.into_iter().flat_map(|(asked, answered)| {
                [Message::new(Role::User, asked), Message::new(Role::Assistant, answered)]
            });
            Conversation::new(system.into_iter().chain(turns).collect())
        },
    )
}

proptest! {
    #[test]
    fn chatml_covers_every_reply_and_its_end(talk in conversations()) {
        prop_assert_eq!(talk.validate_for_training(), Ok(()));
        let template = ChatTemplate::chatml().unwrap();
        let expected: Vec<String> = talk.messages.iter().filter(|message| message.role == Role::Assistant)
            .map(|message| format!("{}{IM_END}", message.content)).collect();
        prop_assert_eq!(learned(&template, &talk), expected);
        let text: String = talk.messages.iter()
            .map(|message| format!("{IM_START}{}\n{}{IM_END}\n", message.role, message.content)).collect();
        prop_assert_eq!(template.text(&talk, false).unwrap(), text);
        // Without the tags, the same spans follow from prefixes.
        let plain = CHATML.replace("{%- generation %}", "").replace("{%- endgeneration %}", "");
        let plain = ChatTemplate::compile(&plain, SpecialTokens::default()).unwrap();
        prop_assert!(!plain.tagged);
        prop_assert_eq!(plain.render(&talk).unwrap().assistant, template.render(&talk).unwrap().assistant);
    }

    #[test]
    fn any_source_is_no_panic(parts in prop::collection::vec(prop::sample::select(vec![
        "{%", "%}", "{{", "}}", "{#", "#}", "-", "+", " generation ", " endgeneration ", " set ", "a", "=", "[", "]", "'", "\"", "\\", "raw", "endraw",
        " for ", " in ", "messages", "endfor", "\n", ".", "|", "é", "(", ")", ",", "1", " if ", "endif", "endset", "~", "content", "*", "ns", "namespace(a=1)",
    ]), 0..40)) {
        let _ = compile_quietly(&parts.concat());
    }
}
