// `element` is the page's root and `server` calls Python: both are given by gr.HTML.
const $ = selector => element.querySelector(selector);

// Text only: whatever a model or a person has written cannot become markup.
function el(name, properties = {}, ...children) {
  const node = Object.assign(document.createElement(name), properties);
  node.append(...children.map(child => child?.nodeType ? child : String(child ?? "")));
  return node;
}
