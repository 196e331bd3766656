SwaggerUIBundle({
  url: document.getElementById("swagger-ui").dataset.contract,
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false, // a key that was typed in is gone with the page
  tryItOutEnabled: true,
  validatorUrl: null, // the contract goes to nobody
});

document.querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "center" });
