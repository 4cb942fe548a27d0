/** Your checkout: it sells the price, and moves the customer with `billing.updateSubscription`. */
export default async function Checkout({ searchParams }: PageProps<'/checkout'>) {
  const { price } = await searchParams;
  return <h1>Checkout for {price}</h1>;
}
