"""What OpenAI-compatible endpoints are reported to answer, for `tests.openai_server` to answer so."""

GOOD = "A large, long and thin scratch lies in the centre of the picture. It is shallow and brighter than the steel."
THOUGHT = "Okay, the user wants me to describe the defect. It is long and thin? Maybe deep, in the upper left corner."
NULL_USAGE = {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}


def chat(*texts, finish="stop", usage=None, **message):
    """A reply of chat completions with a choice for each text."""
    choices = [
        {"index": n, "finish_reason": finish, "message": {"role": "assistant", "content": text, **message}}
        for n, text in enumerate(texts)
    ]
    return {"id": "chatcmpl-1", "object": "chat.completion", "model": "vlm", "choices": choices, "usage": usage}


def good(request):
    """As many good texts as were asked for."""
    return 200, {}, chat(*[GOOD] * request.body.get("n", 1))


def refusal(message, *, param=None, code=None, kind="invalid_request_error"):
    """The body of an error as OpenAI has it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def gateway(message, code, **more):
    """A gateway's error within a reply of status 200."""
    return {"id": None, "choices": None, "usage": None, "error": {"message": message, "code": code, **more}}


def web_page(title):
    return f"<!doctype html><html><head><title>{title}</title></head><body><p>Hello</p></body></html>".encode()


STREAM = b'data: {"choices": [{"delta": {"content": "A"}}]}\n\ndata: [DONE]\n\n'

# What an answer says -> the description that is in it.
DESCRIPTIONS = {
    "plain": (chat(GOOD), GOOD),
    # thoughts
    "think": (chat(f"<think>\n{THOUGHT}\n</think>\n\n{GOOD}"), GOOD),
    "thinking": (chat(f"<thinking>{THOUGHT}</thinking>{GOOD}"), GOOD),
    "reasoning tag": (chat(f"<reasoning>\n{THOUGHT}\n</reasoning>\n{GOOD}"), GOOD),
    "kimi": (chat(f"◁think▷{THOUGHT}◁/think▷{GOOD}"), GOOD),
    "mistral": (chat(f"[THINK]{THOUGHT}[/THINK]{GOOD}"), GOOD),
    "gpt-oss": (
        chat(f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{GOOD}"),
        GOOD,
    ),
    "gemma": (chat(f"<|channel>thought\n{THOUGHT}\n<channel|>{GOOD}"), GOOD),
    "cohere": (
        chat(f"<|START_THINKING|>{THOUGHT}<|END_THINKING|><|START_RESPONSE|>{GOOD}<|END_RESPONSE|>"),
        GOOD,
    ),
    "granite": (chat(f"Here is my thought process: {THOUGHT} Here is my response: {GOOD}"), GOOD),
    "glm": (chat(f"<think>{THOUGHT}</think><answer><|begin_of_box|>{GOOD}<|end_of_box|></answer>"), GOOD),
    "opened in the prompt": (chat(f"{THOUGHT}\n</think>\n\n{GOOD}"), GOOD),
    "an empty thought": (chat(f"<think>\n\n</think>\n\n{GOOD}"), GOOD),
    "thoughts within": (chat(f"<think>{THOUGHT}<think>Again.</think> More.</think>{GOOD}"), GOOD),
    "a field for the thought": (chat(GOOD, reasoning_content=THOUGHT), GOOD),
    "another field for it": (chat(GOOD, reasoning=THOUGHT), GOOD),
    # contents in parts
    "parts": (chat([{"type": "text", "text": GOOD}]), GOOD),
    "parts with a thought": (
        chat([{"type": "thinking", "thinking": [{"type": "text", "text": THOUGHT}]}, {"type": "text", "text": GOOD}]),
        GOOD,
    ),
    "parts of a text": (chat([{"type": "text", "text": GOOD[:20]}, {"type": "text", "text": GOOD[20:]}]), GOOD),
    # usage
    "usage with nulls": (chat(GOOD, usage=NULL_USAGE), GOOD),
    "usage in words": (chat(GOOD, usage={"prompt_tokens": "many", "completion_tokens": float("1e3")}), GOOD),
    "usage is a list": (chat(GOOD, usage=[1, 2]), GOOD),
    "no finish reason": (chat(GOOD, finish=None), GOOD),
    # special tokens
    "a token at the end": (chat(f"{GOOD}<|im_end|>\n<|endoftext|>"), GOOD),
    "the next turn": (chat(f"{GOOD}<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nThanks!"), GOOD),
    "tokens of others": (chat(f"<s>[INST] [/INST] {GOOD}</s>"), GOOD),
    "a role": (chat(f"<|im_start|>assistant\n{GOOD}<end_of_turn>"), GOOD),
    "full-width tokens": (chat(f"{GOOD}<｜end▁of▁sentence｜>"), GOOD),
    # talk
    "a fence": (chat(f"```text\n{GOOD}\n```"), GOOD),
    "a fence and talk": (chat(f"Sure!\n\n```\n{GOOD}\n```\nHope this helps!"), GOOD),
    "here is": (
        chat(f"Sure! Here is a description of the defect:\n\n{GOOD}\n\nLet me know if you need anything else!"),
        GOOD,
    ),
    "certainly": (chat(f"Certainly! I'd be happy to help. Here's the description: {GOOD} I hope this helps!"), GOOD),
    "a label": (chat(f"**Description:** {GOOD}"), GOOD),
    "a label of the defect": (chat(f"Defect description: {GOOD} Would you like more detail?"), GOOD),
    "based on the image": (chat(f"Based on the provided image, {GOOD[0].lower()}{GOOD[1:]}"), GOOD),
    "quotes": (chat(f'"{GOOD}"'), GOOD),
    "a heading and bullets": (
        chat(
            "## Defect Description\n\n**Observations:**\n\n- A long, thin scratch.\n- **Shallow** and bright\n"
            "* It lies in the centre.\n"
        ),
        "A long, thin scratch. Shallow and bright. It lies in the centre.",
    ),
    "numbers": (
        chat("1. A long, thin scratch.\n2) It lies in the centre."),
        "A long, thin scratch. It lies in the centre.",
    ),
    # JSON where prose was due
    "an object": (
        chat('{"shape": "It is a long line.", "size": "It is large.", "depth": "not visible"}'),
        "It is a long line. It is large.",
    ),
    "an object in a fence": (chat(f'```json\n{{"description": "{GOOD}"}}\n```'), GOOD),
    "an object of words": (
        chat('{"shape": "round", "location": "the upper left corner"}'),
        "Shape: round. Location: the upper left corner.",
    ),
    # half a character
    "half an emoji": (chat(f"{GOOD} \ud83d"), f"{GOOD} \ufffd"),
    "two halves": (chat(f"{GOOD} \ud83d\ude00"), f"{GOOD} \U0001f600"),
    "control characters": (chat(f"{GOOD[:30]}\x00\x08{GOOD[30:]}\x1b"), GOOD),
}

# What an answer says -> why it is no description.
USELESS = {
    "a thought that takes it all": (
        chat(f"<think>\n{THOUGHT} but wait", finish="length"),
        "the model thinks; its thought took all 80 tokens: --max-tokens gives it more, --no-thinking turns it off",
    ),
    "null, and a thought": (
        chat(None, finish="length", reasoning_content=THOUGHT),
        "the model thinks; its thought took all 80 tokens",
    ),
    "null, cut off": (chat(None, finish="length"), "an empty answer that took all 80 tokens, so the model may think"),
    "a thought and no more": (
        chat(f"<think>{THOUGHT}</think>"),
        "the model thinks, and says nothing after its thought",
    ),
    "a thought without tags": (chat(f"{THOUGHT} Let me", finish="length"), "the model thinks aloud"),
    "a thought in parts": (
        chat([{"type": "thinking", "thinking": "Hmm"}], finish="length"),
        "the model thinks; its thought took all 80 tokens",
    ),
    "an analysis that is cut": (chat(f"<|channel|>analysis<|message|>{THOUGHT}", finish="length"), "the model thinks;"),
    "nothing": (chat(""), "an empty answer"),
    "a tool": (chat(None, tool_calls=[{"id": "1", "function": {"name": "look"}}]), "an empty answer"),
    "a refusal": (chat(None, refusal="I cannot describe this."), "refused: I cannot describe this."),
    "sorry": (chat("I'm sorry, but I can't assist with that."), "refused: I'm sorry"),
    "cannot": (chat("I cannot provide a description of this."), "refused: I cannot provide"),
    "an AI": (chat("As an AI language model, I do not describe defects."), "refused: As an AI"),
    "in German": (chat("Es tut mir leid, aber dabei kann ich nicht helfen."), "refused: Es tut mir leid"),
    "in French": (chat("Je suis désolé, je ne peux pas vous aider."), "refused: Je suis désolé"),
    "in Chinese": (chat("抱歉，我无法描述这张图片。"), "refused: 抱歉"),
    "in Spanish": (chat("Lo siento, no puedo ayudar con eso."), "refused: Lo siento"),
    "in Russian": (chat("Извините, я не могу помочь."), "refused: Извините"),
    "a guard": (chat("unsafe\nS9"), "refused: unsafe"),
    "a filter": (chat("", finish="content_filter"), "refused: withheld by a filter"),
    "no image": (chat("I don't see an image attached. Could you please upload the picture?"), "it sees no image"),
    "a text model": (chat("I'm sorry, but I cannot see images as I am a text-based model."), "it sees no image"),
    "no image was provided": (chat("No image was provided, so the surface looks smooth."), "it sees no image"),
    "a screen": (
        chat("This is a photo of a computer screen that shows a grey texture."),
        "it describes a picture of a",
    ),
    "Chinese": (chat("图片中央有一条细长的划痕，比周围的钢材更亮。"), "not in English, but Chinese or Japanese"),
    "Russian": (chat("В центре изображения длинная тонкая царапина."), "not in English, but Cyrillic"),
    "German": (
        chat("Ein langer, dünner Kratzer liegt in der Mitte des Bildes und ist heller als der Stahl."),
        "not in English, but German",
    ),
    "French": (
        chat("Une longue rayure fine se trouve au centre de l'image et elle est plus claire que l'acier."),
        "not in English, but French",
    ),
    "Spanish": (
        chat("Un arañazo largo y fino está en el centro de la imagen y es más claro que el acero."),
        "not in English, but Spanish",
    ),
    "an echo": (
        chat("Describe the defect as it is in this very picture, in two or three short, clear sentences."),
        "it repeats the question",
    ),
    "a loop of words": (chat("A dark line in the centre " + "of the steel " * 12), "it repeats itself"),
    "a loop of a word": (chat("A scratch on the steel is very very very very very very very long here"), "it repeats"),
    "a loop of sentences": (chat("It is a dark and long scratch. " * 6), "it repeats itself"),
}
