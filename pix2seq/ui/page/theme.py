"""Gradio's own widgets in the page's clothes: system fonts, ink accent, hairline borders.

Colours refer to the properties of ``tokens.css``, which switches them between light and dark,
so that both halves of the page stay in step.
"""

from __future__ import annotations

import inspect

import gradio as gr

_SANS = (
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Helvetica Neue",
    "Arial",
    "sans-serif",
)
_MONO = ("ui-monospace", "SF Mono", "Cascadia Mono", "DejaVu Sans Mono", "Menlo", "monospace")


def _system(names: tuple[str, ...]) -> list[gr.themes.Font]:
    return [gr.themes.Font(name) for name in names]


def explorer_theme() -> gr.themes.Base:
    """The theme; it loads no font from anywhere."""
    both = {
        "body_background_fill": "var(--p2s-page)",
        "body_text_color": "var(--p2s-ink)",
        "body_text_color_subdued": "var(--p2s-ink-soft)",
        "background_fill_primary": "var(--p2s-panel)",
        "background_fill_secondary": "var(--p2s-page)",
        "border_color_primary": "var(--p2s-line)",
        "border_color_accent": "var(--p2s-focus)",
        "block_background_fill": "transparent",
        "block_border_color": "var(--p2s-line)",
        "block_border_width": "0px",
        "block_label_background_fill": "transparent",
        "block_label_text_color": "var(--p2s-ink-soft)",
        "block_title_text_color": "var(--p2s-ink)",
        "block_info_text_color": "var(--p2s-ink-soft)",
        "panel_background_fill": "var(--p2s-panel)",
        "panel_border_color": "var(--p2s-line)",
        "input_background_fill": "var(--p2s-field)",
        "input_background_fill_focus": "var(--p2s-field)",
        "input_border_color": "var(--p2s-line-strong)",
        "input_border_color_focus": "var(--p2s-focus)",
        "input_placeholder_color": "var(--p2s-ink-soft)",
        "checkbox_background_color": "var(--p2s-field)",
        "checkbox_background_color_selected": "var(--p2s-accent)",
        "checkbox_border_color": "var(--p2s-line-strong)",
        "checkbox_border_color_selected": "var(--p2s-accent)",
        "checkbox_label_background_fill": "var(--p2s-field)",
        "checkbox_label_background_fill_hover": "var(--p2s-hover)",
        "checkbox_label_background_fill_selected": "var(--p2s-chosen)",
        "checkbox_label_border_color": "var(--p2s-line-strong)",
        "checkbox_label_text_color": "var(--p2s-ink)",
        "checkbox_label_text_color_selected": "var(--p2s-ink)",
        "slider_color": "var(--p2s-focus)",
        "button_primary_background_fill": "var(--p2s-accent)",
        "button_primary_background_fill_hover": "var(--p2s-accent-hover)",
        "button_primary_text_color": "var(--p2s-on-accent)",
        "button_primary_border_color": "var(--p2s-accent)",
        "button_secondary_background_fill": "var(--p2s-field)",
        "button_secondary_background_fill_hover": "var(--p2s-hover)",
        "button_secondary_text_color": "var(--p2s-ink)",
        "button_secondary_border_color": "var(--p2s-line-strong)",
        "color_accent": "var(--p2s-focus)",
        "color_accent_soft": "var(--p2s-chosen)",
        "link_text_color": "var(--p2s-link)",
        "link_text_color_hover": "var(--p2s-link)",
        "link_text_color_visited": "var(--p2s-link)",
        "error_background_fill": "var(--p2s-panel)",
        "shadow_drop": "none",
    }
    themed = gr.themes.Base(
        text_size="sm",
        spacing_size="sm",
        radius_size="sm",
        font=_system(_SANS),
        font_mono=_system(_MONO),
    )
    # Gradio resolves a variable where it is declared, so the dark half must be declared as well.
    known = inspect.signature(themed.set).parameters
    dark = {f"{name}_dark": value for name, value in both.items() if f"{name}_dark" in known}
    return themed.set(
        **both,
        **dark,
        block_shadow="none",
        button_primary_shadow="none",
        button_secondary_shadow="none",
        input_shadow="none",
        input_shadow_focus="0 0 0 2px var(--p2s-focus)",
        input_border_width="1px",
        button_border_width="1px",
        block_label_text_size="12px",
        block_title_text_size="13px",
        block_info_text_size="12px",
        section_header_text_size="13px",
        block_padding="0px",
        layout_gap="8px",
        form_gap_width="0px",
    )
